/**
 * The real service over HTTP, with its own users, on lanes that no other test uses. Orders are put into each store by hand,
 * with an administrator's rights, so that a test decides who holds what. Every answer is held against the OpenAPI document
 * that the service serves. Nothing outside tests imports it.
 */
import { conformanceTo, request, type Answer } from '@driftlab/http-api/testing'
import {
  parseOrderRow,
  toDocument,
  toWarehouseOrder,
  type OrderDocument,
  type OrderItem,
  type OrderRow,
  type OrderStatus,
} from '@driftlab/order'
import { createLogger, createMetrics, listen } from '@driftlab/service'
import {
  connectClickHouse,
  connectElasticsearch,
  connectPostgres,
  connectRedis,
  type ClickHouse,
  type Elasticsearch,
  type Postgres,
  type Redis,
} from '@driftlab/stores'
import { eventually, testSettings, throwAwayLane } from '@driftlab/stores/testing'
import { z } from 'zod'
import { dropLane as dropWarehouse, setUpLane as setUpWarehouse } from '../../../infra/clickhouse/lane.ts'
import { dropLane as dropIndex, setUpLane as setUpIndex } from '../../../infra/elasticsearch/lane.ts'
import { createLane as createTables, dropLane as dropTables } from '../../../infra/postgres/lane.ts'
import { createApp } from './app.ts'
import { hasLogVersions, laneOf, type Lane, type LaneStrategy } from './lanes.ts'
import { readinessOfAny } from './readiness.ts'
import { openStores } from './stores.ts'

export type { Answer }

export interface Service {
  readonly url: string
  /** @throws when the answer is not as the OpenAPI document says. */
  ask(path: string, method?: string): Promise<Answer>
  /** `METHOD template status` of every answer so far, and of every one that the document promises. */
  readonly seen: ReadonlySet<string>
  readonly documented: readonly string[]
  close(): Promise<void>
}

/** Addresses of the service's own users; overridden where a store is to be away. */
export function addressesOfService(): Readonly<Record<'postgres' | 'redis' | 'elasticsearch' | 'clickhouse', string>> {
  const { postgresUrl, redisUrl, elasticsearchUrl, clickhouseUrl, variables } = testSettings()
  const as = (address: string, store: string): string => {
    const url = new URL(address)
    url.username = variables[`${store}_QUERIES_USER`] ?? ''
    url.password = variables[`${store}_QUERIES_PASSWORD`] ?? ''
    return url.toString()
  }
  return {
    postgres: as(postgresUrl, 'POSTGRES'),
    redis: as(redisUrl, 'REDIS'),
    elasticsearch: as(elasticsearchUrl, 'ELASTICSEARCH'),
    clickhouse: as(clickhouseUrl, 'CLICKHOUSE'),
  }
}

export async function startService(
  lanes: readonly Lane[],
  overrides: Partial<ReturnType<typeof addressesOfService>> = {},
  {
    timeoutMs = 5_000,
    brokers,
    logTimeoutMs = 20_000,
  }: { readonly timeoutMs?: number; readonly brokers?: string[]; readonly logTimeoutMs?: number } = {},
): Promise<Service> {
  const { postgres, redis, elasticsearch, clickhouse } = { ...addressesOfService(), ...overrides }
  const stores = await openStores(
    {
      POSTGRES_URL: postgres,
      REDIS_URL: redis,
      ELASTICSEARCH_URL: elasticsearch,
      CLICKHOUSE_URL: clickhouse,
      KAFKA_BROKERS: brokers,
      STORE_TIMEOUT_MS: timeoutMs,
      LOG_TIMEOUT_MS: logTimeoutMs,
    },
    lanes,
    () => undefined,
  )
  const app = createApp({
    stores,
    readiness: () => readinessOfAny(stores.checks),
    metrics: createMetrics({ service: 'queries' }),
    logger: createLogger('queries', 'silent'),
    now: Date.now,
  })
  const server = await listen(app, { host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${server.port}`
  const { check, documented } = conformanceTo(z.looseObject({}).parse((await request(`${url}/openapi.json`)).body))
  const seen = new Set<string>()
  return {
    url,
    seen,
    documented,
    ask: async (path, method = 'GET') => {
      const answer = await request(url + path, { method })
      seen.add(check(method, path, answer))
      return answer
    },
    close: async () => {
      await server.close()
      await stores.close()
    },
  }
}

export interface LaneUnderTest {
  readonly lane: Lane
  readonly postgres: Postgres
  readonly redis: Redis
  readonly elasticsearch: Elasticsearch
  readonly clickhouse: ClickHouse
  /** An order in PostgreSQL alone, as the database made it. */
  place(columns?: Columns): Promise<OrderRow>
  /** What the order is in PostgreSQL now. */
  current(id: string): Promise<OrderRow>
  /** Writes the order into a derived store, right or wrong, as if it came with that version. */
  put: Readonly<Record<'redis' | 'elasticsearch' | 'clickhouse', (row: OrderRow, version?: number) => Promise<void>>>
  /** The same into all of them; searches see it. */
  copy(row: OrderRow, version?: number): Promise<void>
  /** As the lane's writers delete, in every derived store. */
  remove(row: OrderRow, version?: number): Promise<void>
  refresh(): Promise<void>
  drop(): Promise<void>
}

export interface Columns {
  readonly customerName?: string
  readonly note?: string
  readonly status?: OrderStatus
  readonly items?: readonly OrderItem[]
  readonly currency?: string
  readonly createdAt?: string
}

const options = { timeoutMs: 20_000 }
export const item: OrderItem = { sku: 'tea-1', description: 'Green tea, 100 g', quantity: 2, unitPriceCents: 450 }

/** The names of a lane begin with its strategy, which is what the service's users may see. */
export async function openLane(strategy: LaneStrategy): Promise<LaneUnderTest> {
  const settings = testSettings()
  const lane = laneOf(strategy, `${strategy}-${throwAwayLane()}`)
  const database = lane.warehouseDatabase
  const postgres = connectPostgres(settings.postgresUrl, options)
  const redis = connectRedis(settings.redisUrl, options)
  const elasticsearch = connectElasticsearch(settings.elasticsearchUrl, options)
  const clickhouse = connectClickHouse(settings.clickhouseUrl, options)
  await eventually(() => redis.status === 'ready', { deadlineMs: 5_000, what: 'a connection to Redis' })
  await createTables(postgres, lane.schema)
  await setUpIndex(elasticsearch, lane.name)
  await setUpWarehouse(clickhouse, lane.name, strategy === 'dual-write' ? 'dual-write' : 'cdc')
  await clickhouse.command({
    query: `GRANT SELECT ON ${database}.* TO ${settings.variables['CLICKHOUSE_QUERIES_USER'] ?? ''}`,
  })

  const current = async (id: string): Promise<OrderRow> => {
    const { rows } = await postgres.query(`select * from ${lane.table} where id = $1`, [id])
    return parseOrderRow(rows[0])
  }
  const versioned = hasLogVersions(lane)
  const change = async (row: OrderRow, version: number, operation: 'insert' | 'update' | 'delete'): Promise<void> => {
    await clickhouse.insert({
      table: versioned ? `${database}.order_changes` : `${database}.orders_by_version`,
      values: [
        versioned
          ? { ...toWarehouseOrder(row), version, operation, committed_at: row.updated_at.toISOString() }
          : { ...toWarehouseOrder(row), deleted: operation === 'delete' ? 1 : 0 },
      ],
      format: 'JSONEachRow',
    })
  }
  const put: LaneUnderTest['put'] = {
    redis: async (row, version = row.revision) => {
      const fields = { document: JSON.stringify(toDocument(row)), ...(versioned ? { version } : {}) }
      await redis.hset(lane.redisKey(row.id), fields)
    },
    elasticsearch: async (row, version = row.revision) => {
      await elasticsearch.index({
        index: lane.index,
        id: row.id,
        document: toDocument(row),
        ...(versioned ? { version, version_type: 'external' as const } : {}),
      })
    },
    clickhouse: (row, version = row.revision) => change(row, version, row.revision === 1 ? 'insert' : 'update'),
  }
  const refresh = async (): Promise<void> => {
    await elasticsearch.indices.refresh({ index: lane.index })
  }
  return {
    lane,
    postgres,
    redis,
    elasticsearch,
    clickhouse,
    place: async ({ customerName, note, status, items = [item], currency, createdAt } = {}) => {
      const totalCents = items.reduce((sum, { quantity, unitPriceCents }) => sum + quantity * unitPriceCents, 0)
      const at = createdAt ?? new Date().toISOString()
      const { rows } = await postgres.query<{ id: string }>(
        `insert into ${lane.table}
           (id, customer_id, customer_name, items, note, status, total_cents, currency, created_at, updated_at)
         values (uuidv7(), 'c-1', $1, $2, $3, $4, $5, $6, $7, $7) returning id`,
        [
          ...[customerName ?? 'Ada Lovelace', JSON.stringify(items), note ?? 'ring twice', status ?? 'placed'],
          ...[totalCents, currency ?? 'EUR', at],
        ],
      )
      return current(rows[0]?.id ?? '')
    },
    current,
    put,
    copy: async (row, version) => {
      await Promise.all([put.redis(row, version), put.elasticsearch(row, version), put.clickhouse(row, version)])
      await refresh()
    },
    remove: async (row, version = row.revision + 1) => {
      if (versioned) {
        await redis.hdel(lane.redisKey(row.id), 'document')
        await redis.hset(lane.redisKey(row.id), 'version', version)
        await elasticsearch.index({
          index: lane.index,
          id: row.id,
          document: { id: row.id, deleted: true, deletedAt: new Date().toISOString() },
          version,
          version_type: 'external',
        })
      } else {
        await redis.del(lane.redisKey(row.id))
        await elasticsearch.delete({ index: lane.index, id: row.id })
      }
      await change(row, version, 'delete')
      await refresh()
    },
    refresh,
    drop: async () => {
      await dropTables(postgres, lane.schema)
      await dropIndex(elasticsearch, lane.name)
      await dropWarehouse(clickhouse, lane.name)
      const keys = await redis.keys(`${lane.name}:*`)
      if (keys.length > 0) await redis.del(keys)
      redis.disconnect()
      await Promise.all([postgres.end(), elasticsearch.close(), clickhouse.close()])
    },
  }
}

export const documentOf = (row: OrderRow): OrderDocument => toDocument(row)
