/** Starts one orders service. Only wires: what it does is in the files that it names. */
import { listen, readinessOf, runService } from '@driftlab/service'
import { createApp } from './app.ts'
import { configSchema, laneOf } from './config.ts'
import { openStores } from './stores.ts'

const purgeIntervalMs = 3_600_000
const idempotencyKeyAgeMaxMs = 24 * 3_600_000

await runService({
  name: 'orders',
  environment: process.env,
  schema: configSchema,
  lane: laneOf,
  start: async ({ config, logger, metrics, fail }) => {
    const stores = await openStores(config, {
      onConnectionLost: (store, error) => {
        logger.warn({ err: error, store }, 'connection lost; a new one is made when it is needed')
      },
      fail,
    })
    const app = createApp({
      orders: stores.orders,
      log: stores.log,
      writes: stores.writes,
      readiness: () => readinessOf(stores.checks),
      metrics,
      logger,
    })
    const server = await listen(app, { host: config.HOST, port: config.PORT })

    const purge = async (): Promise<void> => {
      try {
        const purged = await stores.purge?.(idempotencyKeyAgeMaxMs)
        logger.debug({ purged }, 'purged idempotency keys')
      } catch (error) {
        // Nothing is lost: the keys stay until the next hour.
        logger.warn({ err: error }, 'idempotency keys not purged')
      }
    }
    const purging = setInterval(() => void purge(), purgeIntervalMs)

    return {
      stop: async () => {
        clearInterval(purging)
        await server.close()
        await stores.close()
      },
    }
  },
})
