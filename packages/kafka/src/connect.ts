/**
 * The way in: one set of brokers, and what can be had of them.
 *
 * Every client retries a broken connection for ever with a capped backoff, so that a restarted broker is simply a
 * pause. What cannot heal (a wrong group protocol, a bug in a handler) is an error that the caller gets.
 */
import type { Logger } from '@driftlab/service'
import { Kafka, logLevel, type logCreator, type RetryOptions } from 'kafkajs'
import { connectAdmin, type LogAdmin } from './admin.ts'
import { consume, type Consumption, type ConsumeOptions } from './consume.ts'
import { createHeadReader } from './heads.ts'
import { connectProducer, type LogProducer, type ProducerOptions } from './producer.ts'
import { mendRequestQueue } from './request-queue.ts'

export interface LogOptions {
  /** `host:port` of at least one broker; the others are found through it. */
  readonly brokers: readonly string[]
  /** Shows up in the broker's logs and quotas. */
  readonly clientId: string
  /** Where the client's own messages go; without one they are dropped. */
  readonly logger?: Logger
}

export interface Log {
  /** Publishes with acks from all in-sync replicas. */
  connectProducer(options?: ProducerOptions): Promise<LogProducer>
  connectAdmin(): Promise<LogAdmin>
  /** Joins a consumer group and hands over batches until stopped. */
  consume(options: ConsumeOptions): Promise<Consumption>
}

const retryForever: RetryOptions = {
  initialRetryTime: 100,
  maxRetryTime: 1_000,
  retries: Number.MAX_SAFE_INTEGER,
}

/** For questions and set-up jobs: a caller is waiting, so give up after some fifteen seconds and say why. */
const retryAWhile: RetryOptions = { initialRetryTime: 100, maxRetryTime: 2_000, retries: 10 }

export function connectLog(options: LogOptions): Log {
  mendRequestQueue()
  // kafkajs connects with these retries; those that a client is given apart are for its requests only.
  const kafka = (retry: RetryOptions): Kafka =>
    new Kafka({
      brokers: [...options.brokers],
      clientId: options.clientId,
      connectionTimeout: 3_000,
      requestTimeout: 30_000,
      retry,
      logLevel: logLevel.INFO,
      logCreator: logTo(options.logger),
    })
  return {
    connectProducer: (producerOptions) => connectProducer(kafka(retryForever), retryAWhile, producerOptions),
    connectAdmin: () => connectAdmin(kafka(retryAWhile), createHeadReader(options.brokers, options.clientId)),
    consume: (consumeOptions) => consume(kafka(retryForever), consumeOptions),
  }
}

/** kafkajs calls a broken connection an error even though it heals it: to us that is a warning. */
function logTo(logger: Logger | undefined): logCreator {
  return () =>
    ({ level, namespace, log }) => {
      if (logger === undefined) return
      const { message, ...details } = log
      const line = `kafka: ${namespace}: ${message}`
      if (level <= logLevel.WARN) logger.warn({ kafka: details }, line)
      else logger.debug({ kafka: details }, line)
    }
}
