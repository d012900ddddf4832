import { Partitioners, type Kafka, type Message, type Producer, type RetryOptions } from 'kafkajs'
import { toKafkaHeaders, type OutgoingRecord } from './record.ts'

export interface ProducerOptions {
  /**
   * Makes each `publish` one transaction: readers of committed records see all of it or nothing. Once another producer
   * is connected under the same id, this one can publish no more, so that of two the newer has the last word. After a
   * `publish` that failed it is of no more use; close it and connect another.
   */
  readonly transactionalId?: string
}

export interface LogProducer {
  /**
   * Resolves when every in-sync replica has the records; while no broker can be reached it waits for one, and tries
   * again for ever. @throws what a broker answers for some fifteen seconds, or at once when trying again is of no use.
   */
  publish(topic: string, records: readonly OutgoingRecord[]): Promise<void>
  close(): Promise<void>
}

export async function connectProducer(
  kafka: Kafka,
  retry: RetryOptions,
  { transactionalId }: ProducerOptions = {},
): Promise<LogProducer> {
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    ...(transactionalId === undefined
      ? { retry }
      : // The broker refuses a transaction while it still ends the one before, which takes it some milliseconds.
        { transactionalId, maxInFlightRequests: 1, retry: { ...retry, initialRetryTime: 5, retries: 15 } }),
  })
  await producer.connect()
  // Its turn begins now, and not with its first record: one that comes late must find its successor in place.
  if (transactionalId !== undefined) await (await producer.transaction()).commit()
  const send = transactionalId === undefined ? sendAlone : sendInTransaction
  return {
    publish: async (topic, records) => {
      if (records.length > 0) await send(producer, topic, records.map(toMessage))
    },
    close: () => producer.disconnect(),
  }
}

type Send = (producer: Producer, topic: string, messages: Message[]) => Promise<void>

const sendAlone: Send = async (producer, topic, messages) => {
  await producer.send({ topic, acks: -1, messages })
}

const sendInTransaction: Send = async (producer, topic, messages) => {
  const transaction = await producer.transaction()
  await transaction.send({ topic, acks: -1, messages })
  await transaction.commit()
}

function toMessage({ key, value, headers, partition }: OutgoingRecord): Message {
  return {
    key,
    value,
    ...(headers === undefined ? {} : { headers: toKafkaHeaders(headers) }),
    ...(partition === undefined ? {} : { partition }),
  }
}
