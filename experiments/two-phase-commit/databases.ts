/**
 * The two databases of one lane for the time of the experiment, and what is asked of them behind the service's back.
 */
import { isDeepStrictEqual } from 'node:util'
import { laneNames, parseOrderRow, toDocument } from '@driftlab/order'
import { connectPostgres, type Postgres } from '@driftlab/stores'
import { eventually } from '@driftlab/stores/testing'
import { createLane, dropLane } from '../../infra/postgres/lane.ts'
import { createReadModel, dropReadModel } from '../../infra/postgres/read-model.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import type { Comparison, EntryOf } from './history.ts'

export interface Databases {
  readonly lane: string
  readonly table: string
  readonly orders: Postgres
  readonly readModel: Postgres
  /** With the rights of the orders service, under a name by which its connections are known. */
  readonly urls: { readonly orders: string; readonly readModel: string }
}

const lane = 'two-phase-commit'
const database = 'driftlab_two_phase_commit'
/** What the service calls itself towards PostgreSQL. */
const application = 'driftlab-two-phase-commit'

export async function openDatabases(laboratory: Laboratory): Promise<Databases> {
  const { url, postgres } = laboratory
  const { schema, table } = laneNames(lane)
  const adminUrl = url.postgres('ADMIN')
  const drop = async (): Promise<void> => {
    // Its tables cannot be dropped before what an earlier run left in doubt is ended.
    await rollBackInDoubt(postgres)
    await dropLane(postgres, schema)
    await dropReadModel(adminUrl, database)
  }
  await drop()
  laboratory.atEnd(drop)
  await createLane(postgres, schema)
  const readModel = connectPostgres(await createReadModel(adminUrl, database), { timeoutMs: 60_000 })
  laboratory.atEnd(() => readModel.end())
  const ordersUrl = new URL(url.postgres('ORDERS'))
  ordersUrl.searchParams.set('application_name', application)
  const readModelUrl = new URL(ordersUrl)
  readModelUrl.pathname = `/${database}`
  return {
    lane,
    table,
    orders: postgres,
    readModel,
    urls: { orders: ordersUrl.toString(), readModel: readModelUrl.toString() },
  }
}

async function rollBackInDoubt(postgres: Postgres): Promise<void> {
  const { rows } = await postgres.query<{ gid: string }>(
    'select gid from pg_prepared_xacts where database = current_database()',
  )
  for (const { gid } of rows) await postgres.query(`rollback prepared '${gid}'`)
}

const connectionsOfService = `from pg_stat_activity where application_name = '${application}'`

/** Until the server has done all that a dead process had asked of it. */
export async function untilConnectionsGone({ orders }: Databases): Promise<void> {
  await eventually(async () => (await orders.query(`select ${connectionsOfService}`)).rowCount === 0, {
    deadlineMs: 30_000,
    intervalMs: 5,
    what: 'the connections of the killed service are gone',
  })
}

/** Cuts about that share of the service's connections, in either database. @returns how many. */
export async function cutConnections({ orders }: Databases, share: number): Promise<number> {
  const { rowCount } = await orders.query(
    `select pg_terminate_backend(pid) ${connectionsOfService} and random() < ${share}`,
  )
  return rowCount ?? 0
}

export type Side = 'orders' | 'readModel'

/** The transactions that are in doubt, by the coordinator's own name of each. */
export async function inDoubt({ orders, readModel }: Databases): Promise<Readonly<Record<Side, ReadonlySet<string>>>> {
  const of = async (postgres: Postgres): Promise<ReadonlySet<string>> => {
    const { rows } = await postgres.query<{ gid: string }>(
      'select gid from pg_prepared_xacts where database = current_database()',
    )
    return new Set(rows.map(({ gid }) => gid.slice(0, gid.lastIndexOf('/'))))
  }
  return { orders: await of(orders), readModel: await of(readModel) }
}

export async function untilNothingInDoubt(databases: Databases): Promise<void> {
  await eventually(
    async () => {
      const { orders, readModel } = await inDoubt(databases)
      return orders.size + readModel.size === 0
    },
    { deadlineMs: 60_000, intervalMs: 5, what: 'nothing is in doubt' },
  )
}

/** Ids of rows that a transaction in doubt has changed or removed. One that it has inserted is not to be seen. */
export async function lockedRows({ orders, readModel, table }: Databases): Promise<Record<Side, readonly string[]>> {
  const of = async (postgres: Postgres, relation: string): Promise<readonly string[]> => {
    const { rows } = await postgres.query<{ id: string }>(
      `select id from ${relation} where xmax = any (
         array(select transaction from pg_prepared_xacts where database = current_database()))`,
    )
    return rows.map(({ id }) => id)
  }
  return { orders: await of(orders, table), readModel: await of(readModel, 'order_documents') }
}

/**
 * Tries to update a row as anybody might, and takes the update back when it succeeds. `patienceMs` 0 waits for ever.
 * @returns whether it went through, and after how long.
 */
export async function tryUpdate(
  { orders, table }: Databases,
  id: string,
  patienceMs: number,
): Promise<Pick<EntryOf<'probe'>, 'outcome' | 'waitedMs'>> {
  const client = await orders.connect()
  const begunAt = performance.now()
  try {
    await client.query('begin')
    await client.query(`set local lock_timeout = ${patienceMs}`)
    await client.query(`update ${table} set note = 'by anybody' where id = $1`, [id])
    return { outcome: 'went through', waitedMs: performance.now() - begunAt }
  } catch (error) {
    if (!Error.isError(error) || !('code' in error) || error.code !== '55P03') throw error
    return { outcome: 'timed out', waitedMs: performance.now() - begunAt }
  } finally {
    await client.query('rollback')
    client.release()
  }
}

/** Updates one row of a table of its own again and again, then lets VACUUM try. @returns the dead rows that it left. */
export async function vacuumAfter({ orders, lane }: Databases, updates: number): Promise<number> {
  const probe = `${laneNames(lane).schema}.vacuum_probe`
  await orders.query(`create table if not exists ${probe} (n int not null) with (autovacuum_enabled = off)`)
  await orders.query(`delete from ${probe}`)
  await orders.query(`vacuum ${probe}`)
  await orders.query(`insert into ${probe} values (0)`)
  await orders.query(`do 'begin for turn in 1..${updates} loop update ${probe} set n = n + 1; commit; end loop; end'`)
  await orders.query(`vacuum ${probe}`)
  const { rows } = await orders.query<{ dead: string }>(
    `select n_dead_tup as dead from pg_stat_user_tables where relid = '${probe}'::regclass`,
  )
  return Number(rows[0]?.dead)
}

/** What clients were told of an order: its last revision, and how far a removal has got. */
export interface Told {
  readonly revision: number
  readonly removal: 'none' | 'tried' | 'acknowledged'
}

/** Every row of both databases against each other, and against what clients were told. */
export async function compare(databases: Databases, told: ReadonlyMap<string, Told>): Promise<Comparison> {
  const { orders, readModel, table } = databases
  const rows = (await orders.query<Record<string, unknown>>(`select * from ${table}`)).rows.map(parseOrderRow)
  const documents = new Map(
    (
      await readModel.query<{ id: string; document: unknown; revision: string }>('select * from order_documents')
    ).rows.map((row) => [row.id, { document: row.document, revision: Number(row.revision) }]),
  )
  const byId = new Map(rows.map((row) => [row.id, row]))
  const still = await inDoubt(databases)
  return {
    orders: rows.length,
    onlyInOrders: rows.filter(({ id }) => !documents.has(id)).map(({ id }) => id),
    onlyInReadModel: [...documents.keys()].filter((id) => !byId.has(id)),
    different: rows
      .filter((row) => {
        const document = documents.get(row.id)
        const expected = { document: toDocument(row), revision: row.revision }
        return document !== undefined && !isDeepStrictEqual(document, expected)
      })
      .map(({ id }) => id),
    lost: [...told]
      .filter(([id, { revision, removal }]) => {
        const row = byId.get(id)
        return row === undefined ? removal === 'none' : removal === 'acknowledged' || row.revision < revision
      })
      .map(([id]) => id),
    stillInDoubt: still.orders.size + still.readModel.size,
  }
}
