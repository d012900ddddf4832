/** Debezium on MariaDB's binlog, with its topics. All of it is gone when the experiment ends. */
import { connectLog } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'
import { eventually } from '@driftlab/stores/testing'
import { registerConnector } from '../../infra/connect/registration.ts'
import { binlogConnectorName, readBinlogConnectorConfig } from '../../infra/connect/settings.ts'
import { statusSchema, type ConnectorStatus } from '../../infra/connect/status.ts'
import { askConnector, removeConnector } from '../laboratory/connector.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { deadLetterTopicsOf, groupsOf } from '../laboratory/sinks.ts'
import { openTopics } from '../laboratory/topics.ts'
import { lanes } from './history.ts'

const stopDeadlineMs = 60_000
const connectorClass = 'io.debezium.connector.mariadb.MariaDbConnector'

export interface BinlogConnector {
  /** Registers it and resolves when it runs. */
  register(): Promise<void>
  /** It keeps its place in the log. Resolves when nothing of it runs any more. */
  stop(): Promise<void>
  resume(): Promise<void>
  /** Of a stopped one: the next time it begins with a snapshot. */
  forgetPlace(): Promise<void>
  /** The trace of a task that failed for good. */
  failure(): Promise<string | undefined>
}

/** Makes the lane's topics and sees to it that Kafka Connect knows the connector. The sinks come after it, and go before. */
export async function openBinlogConnector(laboratory: Laboratory): Promise<BinlogConnector> {
  const { settings, url, lab } = laboratory
  const connectUrl = `http://${settings.LAB_HOST}:${settings.CONNECT_PORT}`
  const connector = `${connectUrl}/connectors/${binlogConnectorName}`
  const config = await readBinlogConnectorConfig(settings)
  const schemaHistory = config['schema.history.internal.kafka.topic'] ?? ''

  const admin = await connectLog({ brokers: [url.kafkaBrokers], clientId: 'binlog' }).connectAdmin()
  laboratory.atEnd(() => admin.close())
  laboratory.atEnd(() => admin.deleteGroups(groupsOf(lanes.mariadb)))
  await openTopics(laboratory, admin, [
    { name: laneNames(lanes.mariadb).topic, partitions: 4 },
    ...deadLetterTopicsOf(lanes.mariadb).map((name) => ({ name, partitions: 1 })),
    // Without it the connector could not tell what the columns of an old row were.
    { name: schemaHistory, partitions: 1, config: { 'retention.ms': '-1' } },
  ])

  // A worker looks for plugins when it starts, and this one may have come since.
  const plugins = await fetch(`${connectUrl}/connector-plugins`, { signal: AbortSignal.timeout(10_000) })
  if (!(await plugins.text()).includes(connectorClass)) await lab.restart('connect')

  const status = async (): Promise<ConnectorStatus> => {
    const response = await fetch(`${connector}/status`, { signal: AbortSignal.timeout(10_000) })
    return statusSchema.parse(await response.json())
  }
  const isStopped = async (): Promise<boolean> => {
    const { connector: whole, tasks } = await status()
    return whole.state === 'STOPPED' && tasks.length === 0
  }

  laboratory.atEnd(() => removeConnector(connector))
  return {
    register: () => registerConnector(connectUrl, binlogConnectorName, config, () => undefined),
    stop: async () => {
      await askConnector('PUT', connector, '/stop')
      await eventually(isStopped, { deadlineMs: stopDeadlineMs, what: `${binlogConnectorName} has stopped` })
    },
    resume: () => askConnector('PUT', connector, '/resume'),
    forgetPlace: () => askConnector('DELETE', connector, '/offsets'),
    failure: async () => (await status()).tasks.find(({ state }) => state === 'FAILED')?.trace,
  }
}
