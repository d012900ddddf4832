import { parseOffset, type Offset } from '@driftlab/change-event'
import {
  Partitioners,
  type Kafka,
  type Message,
  type Producer,
  type RecordMetadata,
  type RetryOptions,
  type TopicMessages,
} from 'kafkajs'
import { toKafkaHeaders, type OutgoingRecord, type TopicPartition } from './record.ts'

export interface ProducerOptions {
  /**
   * Makes each `publish` one transaction: readers of committed records see all of it or nothing. Once another producer
   * is connected under the same id, this one can publish no more, so that of two the newer has the last word. After a
   * `publish` that failed it is of no more use; close it and connect another.
   */
  readonly transactionalId?: string
}

export interface TopicRecords {
  readonly topic: string
  readonly records: readonly OutgoingRecord[]
}

/** Where the records of a batch went that belong to one partition: the first of them, and the others behind it. */
export interface Appended extends TopicPartition {
  readonly firstOffset: Offset
}

export interface LogProducer {
  /**
   * Resolves when every in-sync replica has the records; while no broker can be reached it waits for one, and tries
   * again for ever. @throws what a broker answers for some fifteen seconds, or at once when trying again is of no use.
   */
  publish(topic: string, records: readonly OutgoingRecord[]): Promise<void>
  /** The same for records of several topics; with a `transactionalId` all of them or none. */
  publishTogether(batches: readonly TopicRecords[]): Promise<readonly Appended[]>
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
  const publishTogether = async (batches: readonly TopicRecords[]): Promise<readonly Appended[]> => {
    const topicMessages = batches
      .filter(({ records }) => records.length > 0)
      .map(({ topic, records }) => ({ topic, messages: records.map(toMessage) }))
    return topicMessages.length === 0 ? [] : (await send(producer, topicMessages)).map(toAppended)
  }
  return {
    publish: async (topic, records) => {
      await publishTogether([{ topic, records }])
    },
    publishTogether,
    close: () => producer.disconnect(),
  }
}

type Send = (producer: Producer, topicMessages: TopicMessages[]) => Promise<readonly RecordMetadata[]>

const sendAlone: Send = (producer, topicMessages) => producer.sendBatch({ acks: -1, topicMessages })

const sendInTransaction: Send = async (producer, topicMessages) => {
  const transaction = await producer.transaction()
  const appended = await transaction.sendBatch({ acks: -1, topicMessages })
  await transaction.commit()
  return appended
}

function toAppended({ topicName, partition, baseOffset }: RecordMetadata): Appended {
  if (baseOffset === undefined) throw new Error(`the broker does not say where it put the records of ${topicName}`)
  return { topic: topicName, partition, firstOffset: parseOffset(baseOffset) }
}

function toMessage({ key, value, headers, partition }: OutgoingRecord): Message {
  return {
    key,
    value,
    ...(headers === undefined ? {} : { headers: toKafkaHeaders(headers) }),
    ...(partition === undefined ? {} : { partition }),
  }
}
