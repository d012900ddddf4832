/**
 * Opens the connections that a strategy needs, and says how to tell whether they work and how to close them. The
 * strategies themselves never open anything.
 */
import { connectClickHouse, connectElasticsearch, connectPostgres, connectRedis } from '@driftlab/stores'
import { laneOf, type Config } from './config.ts'
import { ordersRepository, type OrdersRepository } from './repository.ts'
import { cdcStrategy } from './strategies/cdc.ts'
import { dualWriteStrategy } from './strategies/dual-write.ts'
import type { WriteStrategy } from './strategies/strategy.ts'

export interface OpenStores {
  readonly orders: OrdersRepository
  readonly strategy: WriteStrategy
  readonly checks: Readonly<Record<string, () => Promise<unknown>>>
  close(): Promise<void>
}

/** Gives up on each write after this long, so that a dual write ends within IN_FLIGHT_MAX_MS. */
const timeoutMs = 2_000

/** `onConnectionLost` hears of a store's broken connection; each client makes a new one by itself. */
export function openStores(config: Config, onConnectionLost: (store: string, error: Error) => void): OpenStores {
  const lane = laneOf(config)
  const postgres = connectPostgres(config.POSTGRES_URL, {
    timeoutMs,
    connectionsMax: 10,
    onIdleError: (error) => {
      onConnectionLost('postgresql', error)
    },
  })
  const orders = ordersRepository(postgres, lane)
  switch (config.WRITE_STRATEGY) {
    case 'cdc':
      return {
        orders,
        strategy: cdcStrategy(orders),
        checks: { postgresql: () => orders.ping() },
        close: () => postgres.end(),
      }
    case 'dual-write': {
      const redis = connectRedis(config.REDIS_URL, {
        timeoutMs,
        onConnectionError: (error) => {
          onConnectionLost('redis', error)
        },
      })
      const elasticsearch = connectElasticsearch(config.ELASTICSEARCH_URL, { timeoutMs })
      const clickhouse = connectClickHouse(config.CLICKHOUSE_URL, { timeoutMs, connectionsMax: 20 })
      return {
        orders,
        strategy: dualWriteStrategy(orders, { redis, elasticsearch, clickhouse }, lane),
        checks: {
          postgresql: () => orders.ping(),
          redis: () => redis.ping(),
          elasticsearch: () => elasticsearch.security.authenticate(),
          clickhouse: () => clickhouse.query({ query: 'select 1' }).then((answer) => answer.text()),
        },
        close: async () => {
          redis.disconnect()
          await Promise.all([postgres.end(), elasticsearch.close(), clickhouse.close()])
        },
      }
    }
  }
}
