/**
 * Opens the connections that a strategy needs, and says how to tell whether they work and how to close them. The
 * strategies themselves never open anything.
 */
import { connectClickHouse, connectElasticsearch, connectPostgres, connectRedis, type Postgres } from '@driftlab/stores'
import { laneOf, type Config, type DualWriteVariant } from './config.ts'
import type { Orders } from './orders.ts'
import type { DerivedStores, StoreClients } from './derived-stores/derived-store.ts'
import { openEventSourcing } from './event-sourcing/open.ts'
import type { LogQuestions } from './event-sourcing/log-orders.ts'
import { overwritingStores } from './derived-stores/overwriting.ts'
import { versionedStores } from './derived-stores/versioned.ts'
import { ordersRepository, type OrdersRepository } from './repository.ts'
import { cdcStrategy } from './strategies/cdc.ts'
import { inTransactionDualWriteStrategy } from './strategies/dual-write-in-transaction.ts'
import { lastWriterWinsDualWriteStrategy } from './strategies/dual-write-last-writer-wins.ts'
import { parallelDualWriteStrategy } from './strategies/dual-write-parallel.ts'
import { retryingDualWriteStrategy } from './strategies/dual-write-retry.ts'
import { dualWriteStrategy } from './strategies/dual-write.ts'
import { outboxStrategy } from './strategies/outbox.ts'
import type { WriteStrategy } from './strategies/strategy.ts'
import { transactionalOrders } from './transactional-orders.ts'
import { twoPhaseCommitStrategy } from './strategies/two-phase-commit.ts'
import { createCoordinator } from './two-phase/coordinator.ts'
import { openDecisionLog } from './two-phase/decision-log.ts'
import { postgresParticipant } from './two-phase/participant.ts'
import { openReadModel } from './two-phase/read-model.ts'
import { startRecovery } from './two-phase/recovery.ts'
import { writeRecorder, type WriteRecorder } from './writes/recorded-writes.ts'

export interface OpenStores {
  readonly orders: Orders
  /** Of a lane that is a log. */
  readonly log?: LogQuestions
  /** Of a lane whose service writes every store itself. */
  readonly writes?: WriteRecorder
  /** Forgets old idempotency keys, where they are ours to forget. */
  readonly purge?: (ageMaxMs: number) => Promise<number>
  readonly checks: Readonly<Record<string, () => Promise<unknown>>>
  close(): Promise<void>
}

/** Gives up on each write after this long, so that a dual write ends within IN_FLIGHT_MAX_MS. */
const timeoutMs = 2_000

/** After this long, transactions that a cut connection left in doubt are looked for again. */
const resolveIntervalMs = 1_000

export interface StoresOptions {
  /** Hears of a store's broken connection; each client makes a new one by itself. */
  readonly onConnectionLost: (store: string, error: unknown) => void
  /** Hears of what only a new process can mend. */
  readonly fail: (error: unknown) => void
}

export async function openStores(config: Config, options: StoresOptions): Promise<OpenStores> {
  return config.WRITE_STRATEGY === 'event-sourcing'
    ? await openEventSourcing(config, laneOf(config), options)
    : openTransactional(config, options)
}

type TransactionalConfig = Exclude<Config, { readonly WRITE_STRATEGY: 'event-sourcing' }>

function openTransactional(config: TransactionalConfig, { onConnectionLost, fail }: StoresOptions): OpenStores {
  const lane = laneOf(config)
  const openDatabase = (name: string, url: string): Postgres =>
    connectPostgres(url, {
      timeoutMs,
      connectionsMax: 10,
      onIdleError: (error) => {
        onConnectionLost(name, error)
      },
    })
  const postgres = openDatabase('postgresql', config.POSTGRES_URL)
  const orders = ordersRepository(postgres, lane)
  const written = (strategy: WriteStrategy): Pick<OpenStores, 'orders' | 'purge'> => ({
    orders: transactionalOrders(orders, strategy),
    purge: (ageMaxMs) => orders.purgeIdempotencyKeys(ageMaxMs),
  })
  switch (config.WRITE_STRATEGY) {
    case 'cdc':
    case 'trigger':
    case 'outbox':
      return {
        // Whether the log or a trigger captures the write is no affair of the service.
        ...written(config.WRITE_STRATEGY === 'outbox' ? outboxStrategy(orders, lane) : cdcStrategy(orders)),
        checks: { postgresql: () => orders.ping() },
        close: () => postgres.end(),
      }
    case 'dual-write':
    case 'dual-write-parallel':
    case 'dual-write-retry':
    case 'dual-write-in-transaction':
    case 'dual-write-last-writer-wins': {
      const redis = connectRedis(config.REDIS_URL, {
        timeoutMs,
        onConnectionError: (error) => {
          onConnectionLost('redis', error)
        },
      })
      const elasticsearch = connectElasticsearch(config.ELASTICSEARCH_URL, { timeoutMs })
      const clickhouse = connectClickHouse(config.CLICKHOUSE_URL, { timeoutMs, connectionsMax: 20 })
      const writes = writeRecorder()
      const strategy = dualWriteOf(config.WRITE_STRATEGY, orders, { redis, elasticsearch, clickhouse }, lane, writes)
      return {
        ...written(strategy),
        writes,
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
    case 'two-phase-commit': {
      const readModel = openDatabase('read model', config.READ_MODEL_URL)
      const log = openDecisionLog(config.COORDINATOR_LOG)
      const coordinator = createCoordinator({
        log,
        participants: [postgresParticipant(postgres), postgresParticipant(readModel)],
        onLogFailure: fail,
      })
      const recovery = startRecovery(coordinator, {
        intervalMs: resolveIntervalMs,
        onTrouble: (error) => {
          onConnectionLost('participant', error)
        },
      })
      return {
        ...written(twoPhaseCommitStrategy(orders, openReadModel(readModel), coordinator)),
        checks: {
          postgresql: () => orders.ping(),
          'read model': () => readModel.query('select 1'),
          recovery: () => recovery.check(),
        },
        close: async () => {
          await recovery.stop()
          await Promise.all([postgres.end(), readModel.end()])
          log.close()
        },
      }
    }
  }
}

function dualWriteOf(
  variant: DualWriteVariant,
  orders: OrdersRepository,
  clients: StoreClients,
  lane: string,
  writes: WriteRecorder,
): WriteStrategy {
  const watched = writes.watchOrders(orders)
  const overwriting = (): DerivedStores => writes.watchStores(overwritingStores(clients, lane))
  const choose = (): WriteStrategy => {
    switch (variant) {
      case 'dual-write':
        return dualWriteStrategy(watched, overwriting())
      case 'dual-write-parallel':
        return parallelDualWriteStrategy(watched, overwriting())
      case 'dual-write-retry':
        return retryingDualWriteStrategy(watched, overwriting())
      case 'dual-write-in-transaction':
        return inTransactionDualWriteStrategy(watched, overwriting())
      case 'dual-write-last-writer-wins':
        return lastWriterWinsDualWriteStrategy(watched, writes.watchStores(versionedStores(clients, lane)))
    }
  }
  return writes.watchStrategy(choose())
}
