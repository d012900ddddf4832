/** Starts one processor of orders. Only wires: what it does is in the files that it names. */
import { join } from 'node:path'
import { connectLog } from '@driftlab/kafka'
import { eventSourcedTopics } from '@driftlab/order-events'
import { listen, operationsRouter, runService } from '@driftlab/service'
import { deadLetterTopic, groupOf } from '@driftlab/sink'
import express from 'express'
import { configSchema } from './config.ts'
import { processorMetrics } from './metrics.ts'
import { processorName } from './partition.ts'
import { runProcessor } from './processor.ts'

await runService({
  name: processorName,
  environment: process.env,
  schema: configSchema,
  lane: ({ LANE }) => LANE,
  start: async ({ config, logger, metrics, fail }) => {
    const log = connectLog({ brokers: config.KAFKA_BROKERS, clientId: processorName, logger })
    const admin = await log.connectAdmin()
    const group = groupOf(processorName, config.LANE)
    const processor = await runProcessor({
      log,
      admin,
      lane: config.LANE,
      topics: eventSourcedTopics(config.LANE),
      deadLetterTopic: deadLetterTopic(group),
      groupId: group,
      stateFileOf: (partition) => join(config.STATE_DIR, `${config.LANE}-${partition}.sqlite`),
      outcomesKept: config.OUTCOMES_KEPT,
      maxBytesPerPartition: config.BATCH_BYTES_MAX,
      sessionTimeoutMs: config.SESSION_TIMEOUT_MS,
      logger,
      fail,
      ...processorMetrics(metrics.registry),
    })
    const application = express()
      .disable('x-powered-by')
      .use(
        operationsRouter({
          metrics,
          readiness: () => {
            const trouble = processor.troubledBecause()
            const partitions = processor.assigned()
            return Promise.resolve({
              ready: trouble === undefined,
              checks: { log: trouble?.message ?? 'ok', partitions },
            })
          },
        }),
      )
    const server = await listen(application, { host: config.HOST, port: config.PORT })
    return {
      stop: async () => {
        await processor.stop()
        await admin.close()
        await server.close()
      },
    }
  },
})
