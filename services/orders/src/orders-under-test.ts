/**
 * The real service over HTTP on a lane of its own in the running stack, for tests. Every answer that passes through
 * `ask` is held against the OpenAPI document that the service serves, so each test checks that too.
 */
import { conformanceTo, request, type Answer } from '@driftlab/http-api/testing'
import { laneNames } from '@driftlab/order'
import { createLogger, createMetrics, listen, loadConfig, readinessOf } from '@driftlab/service'
import { connectClickHouse, connectElasticsearch, connectPostgres, connectRedis, type Postgres } from '@driftlab/stores'
import { eventually, testSettings, throwAwayLane } from '@driftlab/stores/testing'
import { z } from 'zod'
import {
  dropLane as dropWarehouse,
  setUpLane as setUpWarehouse,
  type LaneKind,
} from '../../../infra/clickhouse/lane.ts'
import { dropLane as dropIndex, setUpLane as setUpIndex } from '../../../infra/elasticsearch/lane.ts'
import { createLane, dropLane } from '../../../infra/postgres/lane.ts'
import { createApp } from './app.ts'
import { configSchema, laneOf, type Config } from './config.ts'
import { openStores } from './stores.ts'

export type Strategy = Config['WRITE_STRATEGY']

export { problemCode, type Answer } from '@driftlab/http-api/testing'

export interface Question {
  readonly body?: unknown
  /** Sent as it is, instead of `body` as JSON. */
  readonly rawBody?: string | Buffer<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
}

export interface Service {
  readonly url: string
  /** @throws when the answer is not as the OpenAPI document says. */
  ask(method: string, path: string, question?: Question): Promise<Answer>
  /** `METHOD template status` of every answer so far. */
  readonly seen: ReadonlySet<string>
  /** `METHOD template status` of every answer that its document promises. */
  readonly documented: readonly string[]
  close(): Promise<void>
}

export interface Lane {
  readonly name: string
  /** An administrator's connection, to look behind the service's back. */
  readonly postgres: Postgres
  /** How many orders and idempotency keys there are: whether something was written. */
  rowCount(): Promise<number>
  start(strategy: Strategy, overrides?: Readonly<Record<string, string>>): Promise<Service>
  drop(): Promise<void>
}

export const item = { sku: 'tea-1', description: 'Green tea, 100 g', quantity: 2, unitPriceCents: 450 }
export const newOrder = {
  customerId: 'c-1',
  customerName: 'Zoë 漢字 😀',
  items: [item],
  note: 'ring twice',
  currency: 'EUR',
}

const countSchema = z.tuple([z.object({ count: z.coerce.number() })])

/**
 * Makes a lane that no other test uses. With `derivedStores`, in all four stores, the warehouse being of that kind;
 * otherwise in PostgreSQL alone.
 */
export async function openLane(options: { readonly derivedStores?: LaneKind } = {}): Promise<Lane> {
  const settings = testSettings()
  const name = throwAwayLane()
  const names = laneNames(name)
  const postgres = connectPostgres(settings.postgresUrl)
  await createLane(postgres, names.schema)
  if (options.derivedStores !== undefined) await openDerivedStores(name, options.derivedStores)

  return {
    name,
    postgres,
    rowCount: async () => {
      const { rows } = await postgres.query(
        `select (select count(*) from ${names.schema}.orders) + (select count(*) from ${names.schema}.idempotency_keys) as count`,
      )
      return countSchema.parse(rows)[0].count
    },
    start: (strategy, overrides = {}) =>
      startOrdersService({
        LANE: name,
        PORT: '1',
        WRITE_STRATEGY: strategy,
        POSTGRES_URL: postgresUrlOfService(),
        ...(strategy === 'cdc'
          ? {}
          : {
              REDIS_URL: settings.redisUrl,
              ELASTICSEARCH_URL: settings.elasticsearchUrl,
              CLICKHOUSE_URL: settings.clickhouseUrl,
            }),
        ...overrides,
      }),
    drop: async () => {
      if (options.derivedStores !== undefined) await dropDerivedStores(name)
      await dropLane(postgres, names.schema)
      await postgres.end()
    },
  }
}

/** With the rights that the service really has, so that a missing grant fails a test. */
function postgresUrlOfService(): string {
  const { postgresUrl, variables } = testSettings()
  const url = new URL(postgresUrl)
  url.username = variables['POSTGRES_ORDERS_USER'] ?? ''
  url.password = variables['POSTGRES_ORDERS_PASSWORD'] ?? ''
  return url.toString()
}

async function openDerivedStores(lane: string, kind: LaneKind): Promise<void> {
  const settings = testSettings()
  const elasticsearch = connectElasticsearch(settings.elasticsearchUrl, { timeoutMs: 10_000 })
  const clickhouse = connectClickHouse(settings.clickhouseUrl, { timeoutMs: 10_000 })
  try {
    await setUpIndex(elasticsearch, lane)
    await setUpWarehouse(clickhouse, lane, kind)
  } finally {
    await Promise.all([elasticsearch.close(), clickhouse.close()])
  }
}

async function dropDerivedStores(lane: string): Promise<void> {
  const settings = testSettings()
  const elasticsearch = connectElasticsearch(settings.elasticsearchUrl, { timeoutMs: 10_000 })
  const clickhouse = connectClickHouse(settings.clickhouseUrl, { timeoutMs: 10_000 })
  const redis = connectRedis(settings.redisUrl)
  try {
    await dropIndex(elasticsearch, lane)
    await dropWarehouse(clickhouse, lane)
    await new Promise((resolve) => {
      if (redis.status === 'ready') resolve(undefined)
      else redis.once('ready', resolve)
    })
    const keys = await redis.keys(`${lane}:*`)
    if (keys.length > 0) await redis.del(keys)
  } finally {
    redis.disconnect()
    await Promise.all([elasticsearch.close(), clickhouse.close()])
  }
}

export async function startOrdersService(environment: Readonly<Record<string, string>>): Promise<Service> {
  const config = loadConfig(configSchema, environment)
  const stores = await openStores(config, {
    onConnectionLost: () => undefined,
    fail: (error) => {
      throw error
    },
  })
  const app = createApp({
    orders: stores.orders,
    log: stores.log,
    writes: stores.writes,
    readiness: () => readinessOf(stores.checks),
    metrics: createMetrics({ service: 'orders', lane: laneOf(config) }),
    logger: createLogger('orders', 'silent'),
  })
  const server = await listen(app, { host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${server.port}`
  const { check, documented } = conformanceTo(z.looseObject({}).parse((await request(`${url}/openapi.json`)).body))
  const seen = new Set<string>()

  return {
    url,
    seen,
    documented,
    ask: async (method, path, question = {}) => {
      const body = question.rawBody ?? (question.body === undefined ? undefined : JSON.stringify(question.body))
      const answer = await request(url + path, {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...question.headers },
        ...(body === undefined ? {} : { body }),
      })
      seen.add(check(method, path, answer))
      return answer
    },
    close: async () => {
      await server.close()
      await stores.close()
    },
  }
}

/** What each store holds of an order: its note, or nothing. */
export async function notesOf(lane: Lane, id: string): Promise<Readonly<Record<string, string | undefined>>> {
  const settings = testSettings()
  const names = laneNames(lane.name)
  const redis = connectRedis(settings.redisUrl)
  const elasticsearch = connectElasticsearch(settings.elasticsearchUrl)
  const clickhouse = connectClickHouse(settings.clickhouseUrl)
  try {
    await eventually(() => redis.status === 'ready', { deadlineMs: 5_000 })
    const cached = await redis.hget(names.redisKey(id), 'document')
    const found = await elasticsearch.get({ index: names.index, id }, { ignore: [404] })
    const rows = await clickhouse.query({
      query: `select note from ${names.warehouseDatabase}.orders where id = {id: String}`,
      query_params: { id },
      format: 'JSONEachRow',
    })
    const recorded = await lane.postgres.query(`select note from ${names.table} where id = $1`, [id])
    return {
      postgresql: noteIn(recorded.rows[0]),
      redis: noteIn(cached === null ? undefined : JSON.parse(cached)),
      elasticsearch: noteIn(found._source),
      clickhouse: noteIn((await rows.json())[0]),
    }
  } finally {
    redis.disconnect()
    await Promise.all([elasticsearch.close(), clickhouse.close()])
  }
}

/** A soft-deleted document has no note. */
const noteIn = (document: unknown): string | undefined =>
  document === null || document === undefined ? undefined : (document as { note?: string }).note

export const everywhere = (note: string | undefined): Readonly<Record<string, string | undefined>> => ({
  postgresql: note,
  redis: note,
  elasticsearch: note,
  clickhouse: note,
})

const identified = z.object({ id: z.uuid() })

/** Places an order that must succeed. @returns its id. */
export async function place(service: Service, body: unknown = newOrder): Promise<string> {
  const answer = await service.ask('POST', '/orders', { body })
  if (answer.status !== 201) throw new Error(`not placed: ${JSON.stringify(answer.body)}`)
  return identified.parse(answer.body).id
}

/** The address of a port where nothing listens. */
export async function closedPort(): Promise<number> {
  const server = await listen(() => undefined, { host: '127.0.0.1', port: 0 })
  await server.close()
  return server.port
}
