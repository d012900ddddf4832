/**
 * A lane of its own for tests: real tables, keys, index and warehouse, filled by the specification's own projections,
 * and hands to sabotage them with. Nothing outside tests imports it.
 */
import { connectClickHouse, connectElasticsearch, connectPostgres, connectRedis } from '@driftlab/stores'
import { eventually, testSettings, throwAwayLane } from '@driftlab/stores/testing'
import { dropLane as dropWarehouse, setUpLane as setUpWarehouse } from '../../../infra/clickhouse/lane.ts'
import { dropLane as dropIndex, setUpLane as setUpIndex } from '../../../infra/elasticsearch/lane.ts'
import { createLane as createTables, dropLane as dropTables } from '../../../infra/postgres/lane.ts'
import { connectionsFrom } from './connections.ts'
import { openLaneSource, type Connections } from './lane-access.ts'
import { ordersLaneSpecification } from './orders-lane.ts'
import { expectedFields, type SourceRow } from './projection.ts'
import type { LaneSpecification, Specification } from './specification.ts'
import type { Json } from './values.ts'

export const storeNames = ['redis', 'elasticsearch', 'clickhouse'] as const
export type StoreName = (typeof storeNames)[number]
export type Document = Readonly<Record<string, Json>>

export interface ThrowAwayLane {
  readonly name: string
  readonly schema: string
  readonly specification: Specification
  readonly connections: Connections
  /** Rows of the source with fresh keys, in key order. */
  insertRows(count: number): Promise<readonly string[]>
  sql(statement: string, values?: readonly unknown[]): Promise<void>
  sourceRows(keys: readonly string[]): Promise<readonly SourceRow[]>
  /** What a store ought to hold for a row. */
  document(store: StoreName, row: SourceRow): Document
  /** Writes documents as they are, right or wrong. */
  put(store: StoreName, documents: readonly Document[]): Promise<void>
  /** Copies rows to every store. */
  copy(keys: readonly string[], stores?: readonly StoreName[]): Promise<void>
  remove(store: StoreName, keys: readonly string[]): Promise<void>
  /** Writes raw text where the document belongs. */
  putRawRedis(key: string, text: string): Promise<void>
  /** The key becomes something that is no hash. */
  putRedisString(key: string): Promise<void>
  /** A lane of another way to settle over the same stores. */
  withSettles(settles: LaneSpecification['settles']): Specification
  drop(): Promise<void>
}

export async function createThrowAwayLane(settles: LaneSpecification['settles']): Promise<ThrowAwayLane> {
  const settings = testSettings()
  const name = throwAwayLane()
  const schema = name.replaceAll('-', '_')
  const options = { timeoutMs: 20_000 }
  const postgres = connectPostgres(settings.postgresUrl, options)
  const redis = connectRedis(settings.redisUrl, options)
  const elasticsearch = connectElasticsearch(settings.elasticsearchUrl, options)
  const clickhouse = connectClickHouse(settings.clickhouseUrl, options)
  await eventually(() => redis.status === 'ready', { deadlineMs: 5_000, what: 'a connection to Redis' })

  const index = `${name}-orders`
  await createTables(postgres, schema)
  await setUpWarehouse(clickhouse, name, 'dual-write')
  await setUpIndex(elasticsearch, name)

  const specification = await ordersLaneSpecification(name, settles)
  const laneSpecification = specification.lanes[name] ?? raise()
  const connections = { postgresUrl: settings.postgresUrl }
  const source = openLaneSource(
    laneSpecification,
    { specification, connections },
    { ...options, onProgress: () => undefined },
  )

  const lane: ThrowAwayLane = {
    name,
    schema,
    specification,
    // The auditor's own users, so that these tests also prove that reading is all it needs.
    connections: connectionsFrom(settings.variables, specification),
    insertRows: async (count) => {
      const { rows } = await postgres.query<{ id: string }>(
        `insert into "${schema}".orders (id, customer_id, customer_name, items, note, total_cents, currency)
         select uuidv7(), 'c-' || n, 'Name ' || n,
           jsonb_build_array(jsonb_build_object('sku', 's-' || n, 'description', 'Thing "' || n || '"', 'quantity', n, 'unitPriceCents', 250)),
           'note ' || n, 250 * n, 'EUR'
         from generate_series(1, $1::int) n returning id::text`,
        [count],
      )
      return rows.map(({ id }) => id).sort()
    },
    sql: async (statement, values = []) => {
      await postgres.query(statement.replaceAll('LANE', `"${schema}"`), [...values])
    },
    sourceRows: async (keys) => {
      const rows = await source.rows(keys)
      return keys.flatMap((key) => rows.get(key)?.row ?? [])
    },
    document: (store, row) =>
      expectedFields(
        specification.record,
        specification.projections[store === 'clickhouse' ? 'warehouse' : 'document'] ?? raise(),
        row,
      ),
    put: async (store, documents) => {
      if (documents.length === 0) return
      switch (store) {
        case 'redis': {
          const pipeline = redis.pipeline()
          for (const document of documents) {
            pipeline.hset(`${name}:order:${idOf(document)}`, 'document', JSON.stringify(document))
          }
          await pipeline.exec()
          return
        }
        case 'elasticsearch': {
          const answer = await elasticsearch.bulk({
            operations: documents.flatMap((document) => [
              { index: { _index: index, _id: idOf(document) } },
              { deleted: false, ...document },
            ]),
          })
          if (answer.errors) throw new Error(JSON.stringify(answer.items))
          return
        }
        case 'clickhouse':
          await clickhouse.insert({ table: `"${schema}".orders_by_version`, values: documents, format: 'JSONEachRow' })
      }
    },
    copy: async (keys, stores = storeNames) => {
      const rows = await lane.sourceRows(keys)
      for (const store of stores)
        await lane.put(
          store,
          rows.map((row) => lane.document(store, row)),
        )
    },
    remove: async (store, keys) => {
      switch (store) {
        case 'redis':
          await redis.del(...keys.map((key) => `${name}:order:${key}`))
          return
        case 'elasticsearch':
          await elasticsearch.bulk({
            operations: keys.flatMap((key) => [{ index: { _index: index, _id: key } }, { id: key, deleted: true }]),
          })
          return
        case 'clickhouse':
          await clickhouse.insert({
            table: `"${schema}".orders_by_version`,
            values: keys.map((id) => ({ id, deleted: 1 })),
            format: 'JSONEachRow',
          })
      }
    },
    putRawRedis: async (key, text) => {
      await redis.hset(`${name}:order:${key}`, 'document', text)
    },
    putRedisString: async (key) => {
      await redis.set(`${name}:order:${key}`, 'no hash')
    },
    withSettles: (how) => ({ ...specification, lanes: { [name]: { ...laneSpecification, settles: how } } }),
    drop: async () => {
      await source.close()
      await dropTables(postgres, schema)
      await dropWarehouse(clickhouse, name)
      await dropIndex(elasticsearch, name)
      let cursor = '0'
      do {
        const [next, keys] = await redis.scan(cursor, 'MATCH', `${name}:order:*`, 'COUNT', 1_000)
        cursor = next
        if (keys.length > 0) await redis.del(...keys)
      } while (cursor !== '0')
      redis.disconnect()
      await Promise.all([postgres.end(), elasticsearch.close(), clickhouse.close()])
    },
  }
  return lane
}

function idOf(document: Document): string {
  const { id } = document
  return typeof id === 'string' ? id : raise()
}

function raise(): never {
  throw new Error('the throw-away lane is not what this test expects')
}
