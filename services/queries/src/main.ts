/** Starts the queries service. Only wires: what it does is in the files that it names. */
import { listen, runService } from '@driftlab/service'
import { createApp } from './app.ts'
import { configSchema } from './config.ts'
import { laneOf } from './lanes.ts'
import { readinessOfAny } from './readiness.ts'
import { openStores } from './stores.ts'

await runService({
  name: 'queries',
  environment: process.env,
  schema: configSchema,
  start: async ({ config, logger, metrics }) => {
    const lanes = config.LANES.map((strategy) => laneOf(strategy))
    const stores = await openStores(config, lanes, (store, error) => {
      logger.warn({ err: error, store }, 'connection lost; a new one is made when it is needed')
    })
    const app = createApp({
      stores,
      readiness: () => readinessOfAny(stores.checks),
      metrics,
      logger,
      now: Date.now,
    })
    const server = await listen(app, { host: config.HOST, port: config.PORT })
    return {
      stop: async () => {
        await server.close()
        await stores.close()
      },
    }
  },
})
