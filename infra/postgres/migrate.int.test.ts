/** What the migrations promise, held against the running PostgreSQL: rights, rules and numbers of a lane. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { laneNames } from '@driftlab/order'
import { connectPostgres, type Postgres } from '@driftlab/stores'
import { testSettings, throwAwayLane } from '@driftlab/stores/testing'
import { addChangeTable, addOutbox, createLane, dropLane } from './lane.ts'

const { schema } = laneNames(throwAwayLane())
const settings = testSettings()
const id = '01890a5d-ac96-774b-bcce-b302099a8057'

let administrator: Postgres
const logins: Partial<Record<'ORDERS' | 'AUDITOR' | 'QUERIES' | 'REPLICATION' | 'RELAY', Postgres>> = {}

function as(login: keyof typeof logins): Postgres {
  const url = new URL(settings.postgresUrl)
  url.username = settings.variables[`POSTGRES_${login}_USER`] ?? ''
  url.password = settings.variables[`POSTGRES_${login}_PASSWORD`] ?? ''
  return (logins[login] ??= connectPostgres(url.toString()))
}

const insert = (columns: Readonly<Record<string, unknown>> = {}): Promise<unknown> => {
  const row = {
    id,
    customer_id: 'c',
    customer_name: 'n',
    items: JSON.stringify([{ sku: 's', description: 'd', quantity: 1, unitPriceCents: 1 }]),
    total_cents: 1,
    currency: 'EUR',
    ...columns,
  }
  const names = Object.keys(row)
  return administrator.query(
    `insert into ${schema}.orders (${names.join(', ')}) values (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
    Object.values(row),
  )
}

beforeAll(async () => {
  administrator = connectPostgres(settings.postgresUrl)
  await createLane(administrator, schema)
  await addOutbox(administrator, schema)
  await addChangeTable(administrator, schema)
})
afterAll(async () => {
  await dropLane(administrator, schema)
  await Promise.all([administrator.end(), ...Object.values(logins).map((login) => login.end())])
})

describe('a lane', () => {
  test('keeps revision, times and id for itself, whatever an update says', async () => {
    await insert()
    const { rows } = await administrator.query<Record<string, unknown>>(
      `update ${schema}.orders set revision = 99, created_at = '1999-01-01', updated_at = '1999-01-01', note = 'x'
       returning revision, created_at > '2000-01-01' as born, updated_at >= created_at as later`,
    )
    expect(rows).toEqual([{ revision: '2', born: true, later: true }])
    await expect(administrator.query(`update ${schema}.orders set id = gen_random_uuid()`)).rejects.toMatchObject({
      code: '23001',
    })
  })

  test('remembers a deletion with its last revision', async () => {
    await administrator.query(`delete from ${schema}.orders where id = $1`, [id])
    const { rows } = await administrator.query(`select id, revision from ${schema}.order_deletions`)
    expect(rows).toEqual([{ id, revision: '2' }])
  })

  test('deletes again what is gone, with its last revision, and leaves alone what exists', async () => {
    const living = '01890a5d-ac96-774b-bcce-b302099a8058'
    const unknown = '01890a5d-ac96-774b-bcce-b302099a8059'
    await insert({ id: living })
    const { rows } = await administrator.query('select driftlab.delete_again($1, $2) as count', [
      schema,
      [id, living, unknown],
    ])
    expect(rows).toEqual([{ count: '2' }])
    const left = await administrator.query(`select id from ${schema}.orders`)
    expect(left.rows).toEqual([{ id: living }])
    const deletions = await administrator.query(`select id, revision from ${schema}.order_deletions order by id`)
    expect(deletions.rows).toEqual([
      { id, revision: '2' },
      { id: unknown, revision: '1' },
    ])
    await administrator.query(`delete from ${schema}.orders`)
    await expect(as('ORDERS').query("select driftlab.delete_again('cdc', '{}')")).rejects.toMatchObject({
      code: '42501',
    })
  })

  test('refuses TRUNCATE, which the log cannot tell order by order', async () => {
    await expect(administrator.query(`truncate ${schema}.orders`)).rejects.toMatchObject({ code: '0A000' })
  })

  test.each<[string, Record<string, unknown>]>([
    ['an unknown status', { status: 'lost' }],
    ['a total beyond exact numbers', { total_cents: '9007199254740992' }],
    ['a negative total', { total_cents: -1 }],
    ['a currency that is none', { currency: 'euro' }],
    ['no items', { items: '[]' }],
    ['items that are no list', { items: '{}' }],
    ['a revision of zero', { revision: 0 }],
    ['a time without end', { created_at: 'infinity', updated_at: 'infinity' }],
  ])('refuses %s', async (_what, columns) => {
    await expect(insert(columns)).rejects.toMatchObject({ code: expect.stringMatching(/^23514|^2201X|^22/) as unknown })
  })
})

describe('the rights of each login', () => {
  const denied = { code: '42501' }

  test('the orders service writes orders and keys, but not what the database decides, and nothing else', async () => {
    const orders = as('ORDERS')
    await expect(
      orders.query(`insert into ${schema}.orders (id, revision) values ($1, 7)`, [id]),
    ).rejects.toMatchObject(denied)
    await expect(orders.query(`update ${schema}.orders set revision = 7`)).rejects.toMatchObject(denied)
    await expect(orders.query(`delete from ${schema}.order_deletions`)).rejects.toMatchObject(denied)
    await expect(orders.query(`truncate ${schema}.orders`)).rejects.toMatchObject(denied)
    await expect(orders.query(`create table ${schema}.more (id int)`)).rejects.toMatchObject(denied)
    await expect(orders.query('create table public.more (id int)')).rejects.toMatchObject(denied)
    await expect(orders.query("select driftlab.create_lane('mine')")).rejects.toMatchObject(denied)
  })

  test('the auditor reads orders, deletions and the slots, and writes nothing', async () => {
    const auditor = as('AUDITOR')
    await auditor.query(`select from ${schema}.orders`)
    await auditor.query(`select from ${schema}.order_deletions`)
    await auditor.query('select slot_name, confirmed_flush_lsn from pg_replication_slots')
    await auditor.query("select pg_logical_emit_message(false, 'test', '')")
    await expect(auditor.query(`delete from ${schema}.orders`)).rejects.toMatchObject(denied)
    await expect(auditor.query(`select from ${schema}.idempotency_keys`)).rejects.toMatchObject(denied)
  })

  test('the read side reads orders and deletions, and cannot begin a transaction that writes unless it says so', async () => {
    const queries = as('QUERIES')
    await queries.query(`select from ${schema}.orders`)
    await queries.query(`select from ${schema}.order_deletions`)
    await expect(queries.query(`delete from ${schema}.orders`)).rejects.toMatchObject({ code: '25006' })
    const insisting = await queries.connect()
    try {
      await insisting.query('set default_transaction_read_only = off')
      await expect(insisting.query(`delete from ${schema}.orders`)).rejects.toMatchObject(denied)
      await expect(insisting.query(`select from ${schema}.idempotency_keys`)).rejects.toMatchObject(denied)
      await expect(insisting.query('create temporary table t (id int)')).rejects.toMatchObject(denied)
    } finally {
      insisting.release(true)
    }
  })

  test('replication reads the orders of the cdc lane, and no other table', async () => {
    const replication = as('REPLICATION')
    await replication.query('select id from cdc.orders limit 1')
    await expect(replication.query(`select from ${schema}.orders`)).rejects.toMatchObject(denied)
    await expect(replication.query('select from dual_write.orders')).rejects.toMatchObject(denied)
    await expect(replication.query('delete from cdc.orders')).rejects.toMatchObject(denied)
  })

  test('an outbox takes events from the orders service, whose numbers are not its own to choose, and gives them away', async () => {
    const event = `(aggregatetype, aggregateid, type, payload) values ('order', 'a', 'OrderPlaced', '{}')`
    await as('ORDERS').query(`insert into ${schema}.outbox ${event}`)
    for (const forbidden of [
      `insert into ${schema}.outbox (xid, aggregatetype, aggregateid, type, payload) values ('7', 'order', 'a', 'OrderPlaced', '{}')`,
      `select from ${schema}.outbox`,
      `delete from ${schema}.outbox`,
      `insert into ${schema}.order_changes (operation) values ('delete')`,
      `delete from ${schema}.order_changes`,
    ]) {
      await expect(as('ORDERS').query(forbidden)).rejects.toMatchObject(denied)
    }
    await as('REPLICATION').query(`select from ${schema}.outbox`)
    const taken = await as('RELAY').query(`delete from ${schema}.outbox returning type`)
    expect(taken.rows).toEqual([{ type: 'OrderPlaced' }])
  })

  test('the relay reads and takes away what it publishes, and writes nothing but its position', async () => {
    const relay = as('RELAY')
    await relay.query(`delete from ${schema}.order_changes`)
    await relay.query(`insert into ${schema}.relay_positions (topic, reader, position) values ('t', 'r', '1')`)
    for (const forbidden of [
      `update ${schema}.outbox set payload = '{}'`,
      `insert into ${schema}.order_changes (operation) values ('delete')`,
      `select from ${schema}.orders`,
      'select from cdc.orders',
    ]) {
      await expect(relay.query(forbidden)).rejects.toMatchObject(denied)
    }
  })

  test('none of them is more than that', async () => {
    const users = ['ORDERS', 'AUDITOR', 'QUERIES', 'REPLICATION', 'RELAY'].map(
      (login) => settings.variables[`POSTGRES_${login}_USER`],
    )
    const { rows } = await administrator.query(
      'select rolname from pg_roles where rolname = any($1) and (rolsuper or rolcreaterole or rolcreatedb or rolbypassrls)',
      [users],
    )
    expect(rows).toEqual([])
  })
})

test('the publication holds the orders of the cdc lane alone, every operation of them', async () => {
  const { rows } = await administrator.query(
    `select schemaname, tablename, pubinsert, pubupdate, pubdelete, pubtruncate
     from pg_publication_tables join pg_publication using (pubname) where pubname = 'driftlab_cdc'`,
  )
  expect(rows).toEqual([
    { schemaname: 'cdc', tablename: 'orders', pubinsert: true, pubupdate: true, pubdelete: true, pubtruncate: true },
  ])
})

test('the publication of a lane with an outbox holds what is put into that, and nothing else', async () => {
  const { rows } = await administrator.query(
    `select schemaname, tablename, pubinsert, pubupdate, pubdelete, pubtruncate
     from pg_publication_tables join pg_publication using (pubname) where pubname = $1`,
    [`driftlab_${schema}`],
  )
  expect(rows).toEqual([
    {
      schemaname: schema,
      tablename: 'outbox',
      pubinsert: true,
      pubupdate: false,
      pubdelete: false,
      pubtruncate: false,
    },
  ])
})
