/** Starts one relay. Only wires: what it does is in the files that it names. */
import { connectLog } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'
import { listen, operationsRouter, runService, type Readiness } from '@driftlab/service'
import { connectPostgres } from '@driftlab/stores'
import express from 'express'
import { Counter } from 'prom-client'
import { configSchema } from './config.ts'
import { readers } from './reader.ts'
import { runRelay, type Relay } from './relay.ts'
import { tableOf } from './table.ts'

await runService({
  name: 'relay',
  environment: process.env,
  schema: configSchema,
  lane: ({ LANE }) => LANE,
  start: async ({ config, logger, metrics }) => {
    const published = new Counter({
      name: 'relay_rows_published_total',
      help: 'Rows that the log has acknowledged; one that is published again counts again',
      registers: [metrics.registry],
    })
    const postgres = connectPostgres(config.POSTGRES_URL, {
      connectionsMax: 1,
      onIdleError: (error) => {
        logger.warn({ err: error }, 'connection lost; a new session begins')
      },
    })
    const relay = runRelay({
      postgres,
      log: connectLog({ brokers: config.KAFKA_BROKERS, clientId: 'relay', logger }),
      reader: readers[config.READER],
      table: tableOf(config.LANE, config.TABLE),
      topic: config.TOPIC ?? laneNames(config.LANE).topic,
      batchSizeMax: config.BATCH_SIZE_MAX,
      pollIntervalMs: config.POLL_INTERVAL_MS,
      logger,
      onPublished: (rowCount) => {
        published.inc(rowCount)
      },
    })
    const application = express()
      .disable('x-powered-by')
      .use(operationsRouter({ metrics, readiness: () => Promise.resolve(readinessOf(relay)) }))
    const server = await listen(application, { host: config.HOST, port: config.PORT })
    return {
      stop: async () => {
        await relay.stop()
        await postgres.end()
        await server.close()
      },
    }
  },
})

function readinessOf(relay: Relay): Readiness {
  const state = relay.state()
  const reason = relay.brokenBecause()
  return {
    ready: state === 'relaying',
    checks: { state, ...(reason instanceof Error ? { reason: reason.message } : {}) },
  }
}
