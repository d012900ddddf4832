/**
 * Where the partitions of a topic end, with what open transactions have written. kafkajs answers this question for
 * committed records alone, so it is asked through another client, connected when it is first needed.
 *
 * A transaction over several partitions does not become visible in all of them at the same moment. Who saw a record of
 * it in one of them therefore finds the others below the head, but not always below the end of what is committed.
 */
import { parseOffset, type Offset } from '@driftlab/change-event'
import { Admin, FetchIsolationLevels, ListOffsetTimestamps } from '@platformatic/kafka'

export interface HeadReader {
  /** For each partition, one past the last record, committed or not. */
  read(topic: string, partitions: readonly number[]): Promise<ReadonlyMap<number, Offset>>
  close(): Promise<void>
}

const timeoutMs = 10_000
const retries = 3

export function createHeadReader(brokers: readonly string[], clientId: string): HeadReader {
  let admin: Admin | undefined
  return {
    read: async (topic, partitions) => {
      admin ??= new Admin({ clientId, bootstrapBrokers: [...brokers], timeout: timeoutMs, retries })
      const answer = await admin.listOffsets({
        isolationLevel: FetchIsolationLevels.READ_UNCOMMITTED,
        topics: [
          {
            name: topic,
            partitions: partitions.map((partitionIndex) => ({
              partitionIndex,
              timestamp: ListOffsetTimestamps.LATEST,
            })),
          },
        ],
      })
      const heads = answer.flatMap(({ partitions: listed }) => listed)
      return new Map(heads.map(({ partitionIndex, offset }) => [partitionIndex, parseOffset(Number(offset))]))
    },
    close: async () => {
      await admin?.close()
    },
  }
}
