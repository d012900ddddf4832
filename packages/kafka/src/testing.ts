/** What tests need of the log and nobody else does. */
import { createRequire } from 'node:module'
import kafkajs, { Kafka, logLevel, Partitioners, type Message } from 'kafkajs'

export interface OpenTransaction {
  commit(): Promise<void>
  abort(): Promise<void>
}

/** Writes records in a transaction that stays undecided until somebody decides it, or for a minute. */
export async function beginTransaction(
  brokers: readonly string[],
  topic: string,
  messages: readonly Message[],
): Promise<OpenTransaction> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: 'transaction-under-test', logLevel: logLevel.NOTHING })
  const producer = kafka.producer({
    transactionalId: `t-${crypto.randomUUID()}`,
    maxInFlightRequests: 1,
    idempotent: true,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  const transaction = await producer.transaction()
  await transaction.send({ topic, messages: [...messages] })
  return {
    commit: async () => {
      await transaction.commit()
      await producer.disconnect()
    },
    abort: async () => {
      await transaction.abort()
      await producer.disconnect()
    },
  }
}

/**
 * Has the broker say what one says that is being shut down, which a real one seldom does at the right moment:
 * it coordinates the group of the next heartbeat no more, and closes the connection over which it is then asked who does.
 * Resolves when it was asked. Heartbeats of all of this process's consumers count, so let there be one.
 */
export async function loseCoordinator(): Promise<void> {
  const require = createRequire(import.meta.url)
  const { prototype: broker } = require('kafkajs/src/broker/index.js') as { readonly prototype: BrokerRequests }
  const protocol = require('kafkajs/src/protocol/error.js') as { readonly createErrorFromCode: (code: number) => Error }
  await Promise.all([
    answerOnce(broker, 'heartbeat', protocol.createErrorFromCode(notCoordinatorForGroup)),
    answerOnce(broker, 'findGroupCoordinator', new kafkajs.KafkaJSConnectionError('Closed connection')),
  ])
}

type BrokerRequests = Record<'heartbeat' | 'findGroupCoordinator', () => Promise<unknown>>

const notCoordinatorForGroup = 16

/** Resolves when the request was made, and refused. */
function answerOnce(broker: BrokerRequests, request: keyof BrokerRequests, refusal: Error): Promise<void> {
  const original = broker[request]
  return new Promise((resolve) => {
    broker[request] = () => {
      broker[request] = original
      resolve()
      return Promise.reject(refusal)
    }
  })
}
