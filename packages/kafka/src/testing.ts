/** What tests need of the log and nobody else does. */
import { Kafka, logLevel, Partitioners, type Message } from 'kafkajs'

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
  const kafkajs = new Kafka({ brokers: [...brokers], clientId: 'transaction-under-test', logLevel: logLevel.NOTHING })
  const producer = kafkajs.producer({
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
