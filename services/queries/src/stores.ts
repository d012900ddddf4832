/** Opens the connections, all of them with users who may only read, and says how to tell whether they work. */
import { ordersLaneSpecification, type Specification } from '@driftlab/auditor'
import { connectClickHouse, connectElasticsearch, connectPostgres, connectRedis } from '@driftlab/stores'
import type { Config } from './config.ts'
import { sourceOf, type Lane } from './lanes.ts'
import { openWarehouse, type Warehouse } from './stores/clickhouse.ts'
import { openSearchIndex, type SearchIndex } from './stores/elasticsearch.ts'
import type { StoreName } from './stores/failure.ts'
import { openEventLog, type EventLog } from './stores/log.ts'
import { openSystemOfRecord, type SystemOfRecord } from './stores/postgres.ts'
import { firstAttempt, openCache, type Cache } from './stores/redis.ts'
import { recordedState, stepsOf } from './trail.ts'

export interface OpenLane {
  readonly lane: Lane
  readonly specification: Specification
  readonly record: SystemOfRecord
}

export interface OpenStores {
  readonly lanes: ReadonlyMap<string, OpenLane>
  readonly cache: Cache
  readonly search: SearchIndex
  readonly warehouse: Warehouse
  /** Where a lane has its truth in a log. */
  readonly eventLog: EventLog | undefined
  readonly checks: Readonly<Partial<Record<StoreName, () => Promise<unknown>>>>
  close(): Promise<void>
}

type Addresses = Pick<
  Config,
  | 'POSTGRES_URL'
  | 'REDIS_URL'
  | 'ELASTICSEARCH_URL'
  | 'CLICKHOUSE_URL'
  | 'KAFKA_BROKERS'
  | 'STORE_TIMEOUT_MS'
  | 'LOG_TIMEOUT_MS'
>

export async function openStores(
  config: Addresses,
  lanes: readonly Lane[],
  /** Hears of a store's broken connection; each client makes a new one by itself. */
  onConnectionLost: (store: StoreName, error: unknown) => void,
): Promise<OpenStores> {
  const timeoutMs = config.STORE_TIMEOUT_MS
  const lost = (store: StoreName) => (error: unknown) => {
    onConnectionLost(store, error)
  }
  const specifications = await Promise.all(
    // How a lane settles is no matter here: there is one look, and nobody waits.
    lanes.map(({ name }) => ordersLaneSpecification(name, { kind: 'bounded', inFlightMaxMs: 0 })),
  )
  const redis = connectRedis(config.REDIS_URL, { timeoutMs, onConnectionError: lost('redis') })
  await firstAttempt(redis, timeoutMs)
  const elasticsearch = connectElasticsearch(config.ELASTICSEARCH_URL, { timeoutMs: timeoutMs + 500 })
  const clickhouse = connectClickHouse(config.CLICKHOUSE_URL, { timeoutMs })
  const postgres = connectPostgres(config.POSTGRES_URL, {
    timeoutMs,
    connectionsMax: 1,
    onIdleError: lost('postgresql'),
  })
  const eventLog =
    config.KAFKA_BROKERS === undefined
      ? undefined
      : openEventLog({ brokers: config.KAFKA_BROKERS, timeoutMs: config.LOG_TIMEOUT_MS })
  const openRecord = (lane: Lane, specification: Specification): SystemOfRecord => {
    switch (sourceOf(lane)) {
      case 'postgresql':
        return openSystemOfRecord(config.POSTGRES_URL, lane, specification, {
          timeoutMs,
          onIdleError: lost('postgresql'),
        })
      case 'log':
        if (eventLog === undefined) throw new TypeError(`Lane ${lane.name} needs KAFKA_BROKERS`)
        return {
          read: async (id) => recordedState(stepsOf(await eventLog.recordsOf(lane, id), id), specification),
          close: () => Promise.resolve(),
        }
    }
  }
  const openLanes = lanes.map((lane, index): OpenLane => {
    const specification = specifications[index]
    if (specification === undefined) throw new TypeError(`There is no specification of ${lane.name}`)
    return { lane, specification, record: openRecord(lane, specification) }
  })
  const cache = openCache(redis)
  const search = openSearchIndex(elasticsearch, { timeoutMs })
  const warehouse = openWarehouse(clickhouse)
  return {
    lanes: new Map(openLanes.map((open) => [open.lane.name, open])),
    cache,
    search,
    warehouse,
    eventLog,
    checks: {
      postgresql: () => postgres.query('select 1'),
      ...(eventLog === undefined ? {} : { log: () => eventLog.ping() }),
      redis: () => cache.ping(),
      elasticsearch: () => search.ping(),
      clickhouse: () => warehouse.ping(),
    },
    close: async () => {
      redis.disconnect()
      await Promise.all([
        postgres.end(),
        elasticsearch.close(),
        clickhouse.close(),
        eventLog?.close(),
        ...openLanes.map(({ record }) => record.close()),
      ])
    },
  }
}
