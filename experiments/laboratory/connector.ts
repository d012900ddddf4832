/**
 * A connector that an experiment starts for itself: the configuration of the real one, with a slot, a publication and
 * topics of its own. All of them are gone when the experiment ends.
 */
import { escapeIdentifier } from 'pg'
import { eventually } from '@driftlab/stores/testing'
import { connectLog, type TopicToCreate } from '@driftlab/kafka'
import { registerConnector } from '../../infra/connect/registration.ts'
import { connectorSettingsSchema, readConnectorConfig, type ConnectorConfig } from '../../infra/connect/settings.ts'
import topicsFile from '../../infra/kafka/topics.json' with { type: 'json' }
import type { Laboratory } from './laboratory.ts'
import { openTopics } from './topics.ts'

export interface ConnectorOptions {
  /** Small letters and dashes. The names of slot, publication and topics follow from it. */
  readonly name: string
  /** The schema of a lane whose tables exist. */
  readonly schema: string
  /** Beside its orders. */
  readonly otherTables?: readonly string[]
  /** What is to differ from infra/connect/orders-connector.json. */
  readonly overrides?: ConnectorConfig
  /** A worker other than the laboratory's. */
  readonly connectUrl?: string
}

export interface OwnConnector {
  readonly slot: string
  /** Of the orders; partitions and settings are those of the `cdc` lane's topic. */
  readonly topic: string
  /** Of Kafka Connect's REST interface. */
  readonly url: string
  readonly ordersTopic: TopicToCreate
}

const releaseDeadlineMs = 60_000

/** Resolves when it streams. */
export async function openConnector(laboratory: Laboratory, options: ConnectorOptions): Promise<OwnConnector> {
  const { settings, postgres, url: addresses } = laboratory
  const { name, schema } = options
  const identifier = `experiment_${name.replaceAll('-', '_')}`
  const prefix = `experiment-${name}`
  const connectUrl = options.connectUrl ?? `http://${settings.LAB_HOST}:${settings.CONNECT_PORT}`
  const connector: OwnConnector = {
    slot: identifier,
    topic: `${prefix}.${schema}.orders`,
    url: `${connectUrl}/connectors/${prefix}`,
    ordersTopic: topicLike('driftlab.cdc.orders', `${prefix}.${schema}.orders`),
  }
  const otherTables = options.otherTables ?? []
  const tables = ['orders', ...otherTables].map((table) => `${schema}.${table}`)
  const topics = [
    connector.ordersTopic,
    topicLike('__debezium-heartbeat.driftlab', `__debezium-heartbeat.${prefix}`),
    ...otherTables.map((table) => ({ name: `${prefix}.${schema}.${table}`, partitions: 1 })),
  ]

  const admin = await connectLog({ brokers: [addresses.kafkaBrokers], clientId: prefix }).connectAdmin()
  laboratory.atEnd(() => admin.close())
  await openTopics(laboratory, admin, topics)

  const names = tables.map((table) => table.split('.').map(escapeIdentifier).join('.')).join(', ')
  const replicator = escapeIdentifier('orders_replicator')
  await postgres.query(`grant usage on schema ${escapeIdentifier(schema)} to ${replicator}`)
  await postgres.query(`grant select on ${names} to ${replicator}`)
  await postgres.query(`create publication ${escapeIdentifier(identifier)} for table ${names}`)
  laboratory.atEnd(() => postgres.query(`drop publication ${escapeIdentifier(identifier)}`))

  laboratory.atEnd(async () => {
    await removeConnector(connector.url)
    // The server may take a moment to see that the reader has gone.
    await eventually(
      async () => {
        await postgres.query(
          'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1',
          [identifier],
        )
        return true
      },
      { deadlineMs: releaseDeadlineMs, intervalMs: 250, what: `slot ${identifier} is dropped` },
    )
  })
  const config: ConnectorConfig = {
    ...(await readConnectorConfig(connectorSettingsSchema.parse(settings))),
    'slot.name': identifier,
    'publication.name': identifier,
    'topic.prefix': prefix,
    'schema.include.list': schema,
    'table.include.list': tables.join(','),
    ...options.overrides,
  }
  await registerConnector(connectUrl, prefix, config, () => undefined)
  return connector
}

/** With its offsets, so that a later one of its name begins anew. */
export async function removeConnector(url: string): Promise<void> {
  // It may never have come into being.
  const options = { mayBeAbsent: true }
  await askConnector('PUT', url, '/stop', options)
  await askConnector('DELETE', url, '/offsets', options)
  await askConnector('DELETE', url, '', options)
}

/** Asks until it is done. Kafka Connect refuses while workers agree on who does what, and while a task has yet to end. */
export async function askConnector(
  method: 'PUT' | 'DELETE',
  url: string,
  path: string,
  { mayBeAbsent = false }: { readonly mayBeAbsent?: boolean } = {},
): Promise<void> {
  const ask = async (): Promise<true> => {
    const response = await fetch(`${url}${path}`, { method, signal: AbortSignal.timeout(10_000) })
    const text = await response.text()
    if (response.ok || (mayBeAbsent && response.status === 404)) return true
    throw new Error(`${method} ${url}${path} answers ${response.status}: ${text}`)
  }
  await eventually(ask, {
    deadlineMs: releaseDeadlineMs,
    intervalMs: 250,
    what: `${method} ${url}${path} succeeds`,
  })
}

function topicLike(model: string, name: string): TopicToCreate {
  const topic = topicsFile.topics.find((candidate) => candidate.name === model)
  if (topic === undefined) throw new Error(`infra/kafka/topics.json lost ${model}`)
  return { ...topic, name }
}
