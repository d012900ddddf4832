/**
 * Reads topics from their beginning into something that an experiment keeps, in this process, and goes on with what comes.
 *
 * Invariant: batches come one at a time, whichever topic and partition they are of, each partition's in order, and a record
 * that was given out is not given out again. So whoever takes them needs no lock. What it has read it knows in memory only:
 * started anew, it begins anew.
 */
import { parseOffset, type Offset } from '@driftlab/change-event'
import type { Log, LogAdmin, LogRecord } from '@driftlab/kafka'
import { eventually } from '@driftlab/stores/testing'
import type { Laboratory } from './laboratory.ts'

export interface LogReaderOptions {
  readonly log: Log
  readonly admin: LogAdmin
  /** Of its consumer group, which is gone when the experiment ends. */
  readonly name: string
  readonly topics: readonly string[]
  /** Records of one partition, one after the other. */
  readonly take: (records: readonly LogRecord[]) => Promise<void>
}

export interface LogReader {
  /** Waits until it has taken all that the topics held when it was asked. @throws what `take` failed with. */
  caughtUp(): Promise<void>
  stop(): Promise<void>
}

const catchUpDeadlineMs = 120_000

export async function startLogReader(laboratory: Laboratory, options: LogReaderOptions): Promise<LogReader> {
  const { log, admin, name: groupId, topics, take } = options
  const next = new Map<string, Offset>()
  let failure: { readonly error: unknown } | undefined
  laboratory.atEnd(() => admin.deleteGroups([groupId]))
  const consumption = await log.consume({
    ...{ groupId, topics, concurrency: 1 },
    fetch: { minBytes: 1, maxWaitMs: 10, maxBytesPerPartition: 1_048_576 },
    beginAt: (at) => next.get(keyOf(at)) ?? parseOffset(0),
    onFailure: (error) => {
      failure = { error }
    },
    onBatch: async (batch) => {
      const from = next.get(keyOf(batch)) ?? 0
      const records = batch.records.filter(({ offset }) => offset >= from)
      if (records.length > 0) await take(records)
      next.set(keyOf(batch), batch.next)
      return 'processed'
    },
  })
  let stopped = false
  const stop = async (): Promise<void> => {
    if (stopped) return
    stopped = true
    await consumption.stop()
  }
  laboratory.atEnd(stop)

  return {
    caughtUp: async () => {
      const ends = await Promise.all(topics.map((topic) => admin.ranges(topic)))
      await eventually(
        async () => {
          if (failure !== undefined) return true
          const progress = await Promise.all(topics.map((topic) => admin.groupProgress(groupId, topic)))
          return ends.every((partitions, topic) =>
            partitions.every(({ partition, start, end }) => {
              const committed = progress[topic]?.find((at) => at.partition === partition)?.committed ?? 0
              return end <= Math.max(start, committed)
            }),
          )
        },
        { deadlineMs: catchUpDeadlineMs, what: `${groupId} has read all of ${topics.join(', ')}` },
      )
      if (failure !== undefined) throw failure.error
    },
    stop,
  }
}

function keyOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`
}
