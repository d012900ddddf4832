/**
 * A lane whose stores are fed through the log by somebody other than the `cdc` lane's connector: a topic, the three
 * sinks as processes of their own, and whoever publishes to the topic. All of it is gone when the experiment ends.
 */
import type { LaneReport } from '@driftlab/auditor'
import { connectLog } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'
import { deadLetterTopic, groupOf } from '@driftlab/sink'
import { eventually } from '@driftlab/stores/testing'
import {
  connectorSettingsSchema,
  readOutboxConnectorConfig,
  type ConnectorConfig,
} from '../../infra/connect/settings.ts'
import { addChangeTable, addOutbox } from '../../infra/postgres/lane.ts'
import { derivedStores } from '../../services/orders/src/derived-stores/derived-store.ts'
import { openConnector, type OwnConnector } from './connector.ts'
import { auditLane, openLane, type AuditPatience } from './lane.ts'
import type { Laboratory } from './laboratory.ts'
import { startService, type Service } from './service.ts'
import { deadLetterTopicsOf, groupsOf, sinkOf, startSinks, type SinksOptions } from './sinks.ts'
import { openTopics } from './topics.ts'

/**
 * Who publishes what: Debezium the rows, as in the lane `cdc`; its event router or our relay an outbox; our relay a change
 * table that triggers write.
 */
export const feeds = ['rows-by-connector', 'outbox-by-connector', 'outbox-by-relay', 'triggers-by-relay'] as const
export type Feed = (typeof feeds)[number]

export interface FedLane {
  /** Of the feeds by a connector. */
  readonly connector: OwnConnector | undefined
  /** Of the feeds by a relay. */
  readonly relay: Service | undefined
  /** The sinks and the relay. */
  readonly processes: readonly Service[]
  /** Starts an instance of the orders service that writes the lane. */
  startOrders(name: string): Promise<Service>
  /** Waits until everything that was committed has reached the stores, then compares every value. */
  audit(patience?: AuditPatience): Promise<LaneReport>
}

const drainDeadlineMs = 90_000

/** `lane` must begin with `cdc`, `outbox` or `trigger`: of those the sinks may write the stores. */
export async function openFedLane(
  laboratory: Laboratory,
  lane: string,
  feed: Feed,
  options: Pick<SinksOptions, 'storeUrls'> = {},
): Promise<FedLane> {
  const { url, postgres } = laboratory
  const { schema, topic } = laneNames(lane)
  const groups = groupsOf(lane)
  const { strategy, recordFormat } = conventions[feed]

  await openLane(laboratory, { name: lane, kind: 'cdc' })
  if (strategy === 'outbox') await addOutbox(postgres, schema)
  if (strategy === 'trigger') await addChangeTable(postgres, schema)
  const admin = await connectLog({ brokers: [url.kafkaBrokers], clientId: lane }).connectAdmin()
  laboratory.atEnd(() => admin.close())
  await openTopics(laboratory, admin, [
    { name: topic, partitions: 4 },
    ...deadLetterTopicsOf(lane).map((name) => ({ name, partitions: 1 })),
  ])
  laboratory.atEnd(() => admin.deleteGroups(groups))

  const processes = await startSinks(laboratory, lane, { ...options, recordFormat })

  const startOrders = (name: string): Promise<Service> =>
    startService(laboratory, {
      name,
      folder: 'orders',
      environment: {
        WRITE_STRATEGY: strategy,
        LANE: lane,
        POSTGRES_URL: url.postgres('ORDERS'),
      },
    })

  if (feed === 'rows-by-connector' || feed === 'outbox-by-connector') {
    const overrides = feed === 'outbox-by-connector' ? await outboxOverrides(laboratory, schema) : routeTo(topic)
    const connector = await openConnector(laboratory, { name: `${lane}-connector`, schema, overrides })
    const sinks = Object.fromEntries(
      derivedStores.map((store) => {
        const group = groupOf(sinkOf[store], lane)
        return [store, { group, deadLetters: deadLetterTopic(group) }]
      }),
    )
    return {
      connector,
      relay: undefined,
      processes,
      startOrders,
      audit: (patience) => auditLane(laboratory, lane, { kind: 'log', slot: connector.slot, topic, sinks }, patience),
    }
  }

  const table = strategy === 'outbox' ? 'outbox' : 'order_changes'
  const relay = await startRelay(laboratory, { name: `relay-${lane}`, lane, table })
  return {
    connector: undefined,
    relay,
    processes: [...processes, relay],
    startOrders,
    audit: async (patience) => {
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
      return await auditLane(laboratory, lane, { kind: 'bounded', inFlightMaxMs: 0 }, patience)
    },
  }
}

const conventions = {
  'rows-by-connector': { strategy: 'cdc', recordFormat: 'debezium' },
  'outbox-by-connector': { strategy: 'outbox', recordFormat: 'domain-event' },
  'outbox-by-relay': { strategy: 'outbox', recordFormat: 'domain-event' },
  'triggers-by-relay': { strategy: 'trigger', recordFormat: 'row-change' },
} as const satisfies Readonly<Record<Feed, { readonly strategy: string; readonly recordFormat: string }>>

/** Every change of the one captured table goes to this topic, whatever the connector's prefix. */
function routeTo(topic: string): ConnectorConfig {
  return {
    transforms: 'route',
    'transforms.route.type': 'org.apache.kafka.connect.transforms.RegexRouter',
    'transforms.route.regex': '.*[.]orders',
    'transforms.route.replacement': topic,
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
