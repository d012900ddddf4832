/** Says whether a connector has failed for good. `make status RUNTIME=docker` asks this; natively the lab's status says it. */
import { loadConfig } from '@driftlab/service'
import { connectorSettingsSchema } from './settings.ts'
import { connectorFailure } from './status.ts'

const { CONNECT_HOST, CONNECT_PORT } = loadConfig(connectorSettingsSchema, process.env)
const failure = await connectorFailure(`http://${CONNECT_HOST}:${CONNECT_PORT}`)
process.stdout.write(
  failure === undefined ? 'No connector says that it has failed.\n' : `A connector has failed: ${failure}\n`,
)
