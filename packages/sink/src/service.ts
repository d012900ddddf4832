/**
 * Everything of a sink's process but its projection and its store: settings, the connection to the log, the routes
 * that operators ask, and the order in which it all stops.
 */
import { brokersSchema, connectLog, type FetchOptions } from '@driftlab/kafka'
import {
  listen,
  operationsRouter,
  portSchema,
  type Readiness,
  type RunningService,
  type ServiceContext,
} from '@driftlab/service'
import { epochLimit, recordFormats, type RecordFormats } from '@driftlab/change-event'
import express, { Router } from 'express'
import { z } from 'zod'
import { createDeadLetters, deadLetterTopic } from './dead-letters.ts'
import { createLatencyWindow, type LatencyWindow } from './latency.ts'
import { createSinkMetrics } from './metrics.ts'
import { runSink, type Sink } from './run.ts'
import type { Operation, Projection, Store } from './store.ts'

/** Settings that every sink has; each adds the URL of its store. */
export const sinkConfigSchema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: portSchema,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  KAFKA_BROKERS: brokersSchema,
  LANE: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/)
    .default('cdc'),
  /** What the lane's records look like: Debezium's changes of rows, an outbox's domain events, a change table's rows. */
  RECORD_FORMAT: z.enum(recordFormats).default('debezium'),
  TOPIC_EPOCH: z.coerce
    .number()
    .int()
    .min(0)
    .max(epochLimit - 1)
    .default(0),
})
export type SinkConfig = z.output<typeof sinkConfigSchema>

export interface SinkServiceOptions<Op extends Operation> {
  /** With the lane, the consumer group, and part of the dead-letter topic's name. */
  readonly name: string
  readonly topic: string
  readonly formats: RecordFormats
  readonly project: Projection<Op>
  readonly store: Store<Op>
  readonly fetch: FetchOptions
  readonly operationsPerWriteMax?: number
  /** After which the group takes a member for dead that says nothing. */
  readonly sessionTimeoutMs?: number
}

export async function startSinkService<Op extends Operation>(
  context: ServiceContext<SinkConfig>,
  options: SinkServiceOptions<Op>,
): Promise<RunningService> {
  const { config, logger, metrics, fail } = context
  const log = connectLog({ brokers: config.KAFKA_BROKERS, clientId: options.name, logger })
  const producer = await log.connectProducer()
  const latency = createLatencyWindow()
  const group = groupOf(options.name, config.LANE)
  const sink = await runSink({
    log,
    groupId: group,
    topics: [options.topic],
    decode: { ...options.formats[config.RECORD_FORMAT], epoch: config.TOPIC_EPOCH },
    project: options.project,
    store: options.store,
    deadLetters: createDeadLetters(producer, options.name, deadLetterTopic(group)),
    metrics: createSinkMetrics(metrics.registry),
    latency,
    logger,
    fail,
    fetch: options.fetch,
    ...(options.operationsPerWriteMax === undefined ? {} : { operationsPerWriteMax: options.operationsPerWriteMax }),
    ...(options.sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs: options.sessionTimeoutMs }),
  })
  const application = express()
    .disable('x-powered-by')
    .use(operationsRouter({ metrics, readiness: () => readinessOf(sink, options.store) }))
    .use(latencyRouter(latency))
  const server = await listen(application, { host: config.HOST, port: config.PORT })
  return {
    stop: async () => {
      await sink.stop()
      await producer.close()
      await options.store.close()
      await server.close()
    },
  }
}

/** Two subscriptions cannot share a group, so each lane has its own; that of the `cdc` lane is named for the sink alone. */
export function groupOf(sink: string, lane: string): string {
  return lane === 'cdc' ? sink : `${sink}-${lane}`
}

async function readinessOf<Op extends Operation>(sink: Sink, store: Store<Op>): Promise<Readiness> {
  const state = sink.state()
  const partitions = sink.assigned().map(({ topic, partition }) => `${topic}/${partition}`)
  const storeCheck = await store.ping().then(
    () => 'ok',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  return { ready: state === 'running' && storeCheck === 'ok', checks: { state, store: storeCheck, partitions } }
}

/** `GET /latency` answers the window's percentiles; `POST /latency/reset` opens a new one. */
function latencyRouter(latency: LatencyWindow): Router {
  const router = Router()
  router.get('/latency', (_request, response) => {
    response.json(latency.summary())
  })
  router.post('/latency/reset', (_request, response) => {
    latency.reset()
    response.status(204).end()
  })
  return router
}
