import { Partitioners, type Kafka, type RetryOptions } from 'kafkajs'
import { toKafkaHeaders, type OutgoingRecord } from './record.ts'

export interface LogProducer {
  /**
   * Resolves when every in-sync replica has the records; while no broker can be reached it waits for one, and tries
   * again for ever. @throws what a broker answers for some fifteen seconds, or at once when trying again is of no use.
   */
  publish(topic: string, records: readonly OutgoingRecord[]): Promise<void>
  close(): Promise<void>
}

export async function connectProducer(kafka: Kafka, retry: RetryOptions): Promise<LogProducer> {
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    retry,
  })
  await producer.connect()
  return {
    publish: async (topic, records) => {
      if (records.length === 0) return
      await producer.send({
        topic,
        acks: -1,
        messages: records.map(({ key, value, headers, partition }) => ({
          key,
          value,
          ...(headers === undefined ? {} : { headers: toKafkaHeaders(headers) }),
          ...(partition === undefined ? {} : { partition }),
        })),
      })
    },
    close: () => producer.disconnect(),
  }
}
