/** What a change looks like when Debezium has carried it from PostgreSQL's log to Kafka: nothing lost, nothing rounded. */
import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { connectLog, type Consumption } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'
import { connectPostgres, type Postgres } from '@driftlab/stores'
import { eventually, testSettings } from '@driftlab/stores/testing'
import { z } from 'zod'

const rowSchema = z.record(z.string(), z.unknown())
const envelopeSchema = z.object({ op: z.string(), before: rowSchema.nullable(), after: rowSchema.nullable() })
type Change = z.output<typeof envelopeSchema> | 'tombstone'

const names = laneNames('cdc')
const changes = new Map<string, Change[]>()
const ids: string[] = []
let postgres: Postgres
let consumption: Consumption

beforeAll(async () => {
  const settings = testSettings()
  postgres = connectPostgres(settings.postgresUrl)
  const log = connectLog({ brokers: settings.kafkaBrokers, clientId: 'connector-test' })
  consumption = await log.consume({
    groupId: `test-${randomUUID()}`,
    topics: [names.topic],
    fetch: { minBytes: 1, maxWaitMs: 50, maxBytesPerPartition: 4_194_304 },
    concurrency: 4,
    onFailure: (error) => {
      throw error
    },
    onBatch: (batch) => {
      for (const { key, value } of batch.records) {
        // The lane is shared, and other tests put records on its topic that are no changes; ours are known by their key.
        const mine = ids.find((id) => key?.toString() === JSON.stringify({ id }))
        if (mine === undefined) continue

        const change = value === null ? 'tombstone' : envelopeSchema.parse(JSON.parse(value.toString()))
        changes.set(mine, [...(changes.get(mine) ?? []), change])
      }
      return Promise.resolve('processed')
    },
  })
}, 30_000)

afterAll(async () => {
  await consumption.stop()
  await postgres.query(`delete from ${names.table} where id = any($1)`, [ids])
  await postgres.end()
}, 30_000)

async function insert(columns: Readonly<Record<string, unknown>>): Promise<string> {
  const id = randomUUID()
  ids.push(id)
  const row = {
    id,
    customer_id: 'c',
    customer_name: 'n',
    items: JSON.stringify([{ sku: 's', description: 'd', quantity: 1, unitPriceCents: 1 }]),
    total_cents: 1,
    currency: 'EUR',
    ...columns,
  }
  const columnNames = Object.keys(row)
  await postgres.query(
    `insert into ${names.table} (${columnNames.join(', ')}) values (${columnNames.map((_, index) => `$${index + 1}`).join(', ')})`,
    Object.values(row),
  )
  return id
}

const changesOf = (id: string, count: number): Promise<readonly Change[]> =>
  eventually(() => ((changes.get(id)?.length ?? 0) >= count ? changes.get(id) : undefined), {
    deadlineMs: 45_000,
    what: `${count} changes of order ${id} on ${names.topic}`,
  })

test('a large column that an update leaves alone is still in the change', async () => {
  // Random text does not compress, so PostgreSQL keeps it out of line and leaves it out of the log's new row.
  const note = randomBytes(15_000).toString('base64')
  const id = await insert({ note })
  await postgres.query(`update ${names.table} set status = 'paid' where id = $1`, [id])
  const [placed, paid] = await changesOf(id, 2)
  expect(placed).toMatchObject({ op: 'c', before: null, after: { note } })
  expect(paid).toMatchObject({
    op: 'u',
    before: { status: 'placed', note },
    after: { status: 'paid', note, revision: 2 },
  })
}, 60_000)

test('money, times and text arrive as they were written', async () => {
  const row = {
    customer_name: 'Zoë 漢字 😀 e\u0301 \u2028 "\\ \u0001',
    note: '',
    total_cents: Number.MAX_SAFE_INTEGER,
    items: [{ sku: 's', description: '👨‍👩‍👧', quantity: 1_000_000, unitPriceCents: Number.MAX_SAFE_INTEGER }],
  }
  const id = await insert({
    ...row,
    items: JSON.stringify(row.items),
    created_at: '1969-12-31T23:59:59.999Z',
    updated_at: '2262-04-12T00:00:00.001+14:00',
  })
  const [change] = await changesOf(id, 1)
  expect(change).toMatchObject({
    op: 'c',
    after: {
      id,
      customer_name: row.customer_name,
      note: '',
      total_cents: Number.MAX_SAFE_INTEGER,
      created_at: '1969-12-31T23:59:59.999Z',
      updated_at: '2262-04-11T10:00:00.001Z',
      revision: 1,
    },
  })
  const after = change === undefined || change === 'tombstone' ? null : change.after
  expect(JSON.parse(String(after?.['items']))).toEqual(row.items)
}, 60_000)

test('a delete is the whole old row, and then the tombstone that ends the key', async () => {
  const id = await insert({ note: 'to be deleted' })
  await postgres.query(`delete from ${names.table} where id = $1`, [id])
  const [, deletion, tombstone] = await changesOf(id, 3)
  expect(deletion).toMatchObject({ op: 'd', before: { id, note: 'to be deleted' }, after: null })
  expect(tombstone).toBe('tombstone')
}, 60_000)

test('a transaction that is rolled back never happened', async () => {
  const id = await insert({})
  const client = await postgres.connect()
  await client.query('begin')
  await client.query(`update ${names.table} set note = 'never' where id = $1`, [id])
  await client.query('rollback')
  client.release()
  await postgres.query(`update ${names.table} set note = 'really' where id = $1`, [id])
  expect(await changesOf(id, 2)).toMatchObject([
    { op: 'c' },
    { op: 'u', before: { note: '' }, after: { note: 'really' } },
  ])
}, 60_000)
