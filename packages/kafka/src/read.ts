/**
 * Reads stretches of a topic once, from known offsets to known ends, and is done.
 *
 * kafkajs reads only as a member of a group, so this joins one of its own, which goes when its last member leaves and is
 * deleted then. It commits nothing.
 */
import { parseOffset, type Offset } from '@driftlab/change-event'
import type { Kafka, KafkaMessage } from 'kafkajs'
import { toLogRecord, type LogRecord } from './record.ts'

/** From `from` up to, and not with, `to`. */
export interface Stretch {
  readonly partition: number
  readonly from: Offset
  readonly to: Offset
}

/** @throws what `onRecord` throws, after which it reads no further. */
export async function readStretches(
  kafka: Kafka,
  topic: string,
  stretches: readonly Stretch[],
  onRecord: (record: LogRecord) => void,
  deleteGroup: (groupId: string) => Promise<void>,
): Promise<void> {
  /** What is left of each; `from` moves on with every record, so that one which is given out again is left out. */
  const unread = new Map(
    stretches.filter(({ from, to }) => to > from).map(({ partition, from, to }) => [partition, { from, to }]),
  )
  if (unread.size === 0) return

  const groupId = `driftlab-read-${crypto.randomUUID()}`
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100, allowAutoTopicCreation: false })
  const finished = Promise.withResolvers<undefined>()
  const passed = (partition: number, lastOffset: string): void => {
    const stretch = unread.get(partition)
    if (stretch !== undefined && Number(lastOffset) + 1 >= stretch.to) unread.delete(partition)
    if (unread.size === 0) finished.resolve(undefined)
  }
  const take = (partition: number, message: KafkaMessage): void => {
    const stretch = unread.get(partition)
    const record = toLogRecord(topic, partition, message)
    if (stretch === undefined || record.offset < stretch.from || record.offset >= stretch.to) return
    stretch.from = parseOffset(record.offset + 1)
    onRecord(record)
  }
  // Before the first fetch.
  consumer.on(consumer.events.GROUP_JOIN, () => {
    for (const [partition, { from }] of unread) consumer.seek({ topic, partition, offset: String(from) })
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) finished.reject(payload.error)
  })
  // Batches of nothing but transaction markers never reach `eachBatch`.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    if (payload.topic === topic) passed(payload.partition, payload.lastOffset)
  })
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch }) => {
        try {
          for (const message of batch.messages) take(batch.partition, message)
        } catch (error) {
          // kafkajs would try the batch again.
          finished.reject(error)
          unread.clear()
        }
        return Promise.resolve()
      },
    })
    await finished.promise
  } finally {
    await consumer.disconnect()
    await deleteGroup(groupId)
  }
}
