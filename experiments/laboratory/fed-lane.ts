/**
 * A lane whose stores are fed through the log by somebody other than the `cdc` lane's connector: a topic, the three
 * sinks as processes of their own, and whoever publishes to the topic. All of it is gone when the experiment ends.
 */
import type { LaneReport } from '@driftlab/auditor'
import { connectLog, type LogAdmin } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'
import { deadLetterTopic, groupOf } from '@driftlab/sink'
import { eventually } from '@driftlab/stores/testing'
import {
  connectorSettingsSchema,
  readOutboxConnectorConfig,
  type ConnectorConfig,
} from '../../infra/connect/settings.ts'
import { addChangeTable, addOutbox } from '../../infra/postgres/lane.ts'
import { openConnector } from './connector.ts'
import { auditLane, openLane } from './lane.ts'
import type { Laboratory } from './laboratory.ts'
import { startService, type Service } from './service.ts'

/** Who publishes what: Debezium's event router or our relay an outbox, our relay a change table that triggers write. */
export const feeds = ['outbox-by-connector', 'outbox-by-relay', 'triggers-by-relay'] as const
export type Feed = (typeof feeds)[number]

export interface FedLane {
  /** Of the feeds by a relay. */
  readonly relay: Service | undefined
  /** Starts an instance of the orders service that writes the lane. */
  startOrders(name: string): Promise<Service>
  /** Waits until everything that was committed has reached the stores, then compares every value. */
  audit(): Promise<LaneReport>
}

const sinkStores = {
  redis: 'cache-updater',
  elasticsearch: 'search-indexer',
  clickhouse: 'warehouse-loader',
} as const
const drainDeadlineMs = 90_000

/** `lane` must begin with `outbox` or `trigger`: of those the sinks may write the stores. */
export async function openFedLane(laboratory: Laboratory, lane: string, feed: Feed): Promise<FedLane> {
  const { url, postgres } = laboratory
  const { schema, topic } = laneNames(lane)
  const groups = Object.values(sinkStores).map((sink) => groupOf(sink, lane))
  const table = feed === 'triggers-by-relay' ? 'order_changes' : 'outbox'

  await openLane(laboratory, { name: lane, kind: 'cdc' })
  await (table === 'outbox' ? addOutbox(postgres, schema) : addChangeTable(postgres, schema))
  const admin = await connectLog({ brokers: [url.kafkaBrokers], clientId: lane }).connectAdmin()
  laboratory.atEnd(() => admin.close())
  await openTopics(laboratory, admin, [topic], { partitions: 4 })
  await openTopics(laboratory, admin, groups.map(deadLetterTopic), { partitions: 1 })
  laboratory.atEnd(() => admin.deleteGroups(groups))

  const sinkEnvironment = {
    LANE: lane,
    KAFKA_BROKERS: url.kafkaBrokers,
    RECORD_FORMAT: table === 'outbox' ? 'domain-event' : 'row-change',
    REDIS_URL: url.redis('CACHE_UPDATER'),
    ELASTICSEARCH_URL: url.elasticsearch('SEARCH_INDEXER'),
    CLICKHOUSE_URL: url.clickhouse('WAREHOUSE_LOADER'),
  }
  for (const sink of Object.values(sinkStores)) {
    await startService(laboratory, { name: `${sink}-${lane}`, folder: sink, environment: sinkEnvironment })
  }

  const startOrders = (name: string): Promise<Service> =>
    startService(laboratory, {
      name,
      folder: 'orders',
      environment: {
        WRITE_STRATEGY: table === 'outbox' ? 'outbox' : 'trigger',
        LANE: lane,
        POSTGRES_URL: url.postgres('ORDERS'),
      },
    })

  if (feed === 'outbox-by-connector') {
    const overrides = await outboxOverrides(laboratory, schema)
    const name = `${lane}-connector`
    const { slot } = await openConnector(laboratory, {
      name,
      schema,
      overrides,
    })
    const sinks = Object.fromEntries(
      Object.entries(sinkStores).map(([store, sink]) => {
        const group = groupOf(sink, lane)
        return [store, { group, deadLetters: deadLetterTopic(group) }]
      }),
    )
    return {
      relay: undefined,
      startOrders,
      audit: () => auditLane(laboratory, lane, { kind: 'log', slot, topic, sinks }),
    }
  }

  const relay = await startRelay(laboratory, { name: `relay-${lane}`, lane, table })
  return {
    relay,
    startOrders,
    audit: async () => {
      await eventually(
        async () => {
          const { rows } = await postgres.query<{ count: string }>(`select count(*) from "${schema}".${table}`)
          return rows[0]?.count === '0'
        },
        { deadlineMs: drainDeadlineMs, what: `the relay has published all of ${schema}.${table}` },
      )
      await eventually(
        async () => {
          const progress = await Promise.all(groups.map((group) => admin.groupProgress(group, topic)))
          return progress.flat().every(({ drained }) => drained)
        },
        { deadlineMs: drainDeadlineMs, what: `every sink has drained ${topic}` },
      )
      // Whatever was written is in the stores by now, so nothing is in flight.
      return await auditLane(laboratory, lane, { kind: 'bounded', inFlightMaxMs: 0 })
    },
  }
}

/** What makes a connector of an experiment publish the outbox of `schema`: all of its file but the names of its own. */
export async function outboxOverrides({ settings }: Laboratory, schema: string): Promise<ConnectorConfig> {
  const config = await readOutboxConnectorConfig(connectorSettingsSchema.parse(settings), schema)
  return Object.fromEntries(
    Object.entries(config).filter(([option]) => option !== 'slot.name' && option !== 'topic.prefix'),
  )
}

export interface RelayOptions {
  /** Of the process. */
  readonly name: string
  readonly lane: string
  readonly table: 'outbox' | 'order_changes'
  /** READER, TOPIC and the like, where the service's own defaults are not wanted. */
  readonly environment?: Readonly<Record<string, string>>
}

export function startRelay(laboratory: Laboratory, options: RelayOptions): Promise<Service> {
  const { url } = laboratory
  return startService(laboratory, {
    name: options.name,
    folder: 'relay',
    environment: {
      LANE: options.lane,
      TABLE: options.table,
      POSTGRES_URL: url.postgres('RELAY'),
      KAFKA_BROKERS: url.kafkaBrokers,
      ...options.environment,
    },
  })
}

/** Empty topics; those that an earlier run left behind are dropped first. */
export async function openTopics(
  laboratory: Laboratory,
  admin: LogAdmin,
  names: readonly string[],
  options: { readonly partitions: number },
): Promise<void> {
  const remove = async (): Promise<void> => {
    const existing = new Set(await admin.topicNames())
    const ours = names.filter((name) => existing.has(name))
    if (ours.length > 0) await admin.deleteTopics(ours)
  }
  await remove()
  laboratory.atEnd(remove)
  await admin.createTopics(names.map((name) => ({ name, ...options })))
}
