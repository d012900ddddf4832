/**
 * Registers Debezium's connector for the orders. It makes neither the publication (a migration does) nor the topics
 * (infra/kafka does), so that the connector needs no right to make anything.
 */
import { runJob } from '@driftlab/service'
import { registerConnector } from './registration.ts'
import { connectorName, connectorSettingsSchema, readConnectorConfig } from './settings.ts'

await runJob({
  name: 'connector',
  environment: process.env,
  schema: connectorSettingsSchema,
  run: async (settings, report) => {
    const connectUrl = `http://${settings.CONNECT_HOST}:${settings.CONNECT_PORT}`
    await registerConnector(connectUrl, connectorName, await readConnectorConfig(settings), report)
  },
  hint: 'Is Kafka Connect running, and is CONNECT_PORT right? Its own log says more than its status.',
})
