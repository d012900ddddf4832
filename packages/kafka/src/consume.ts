/**
 * One member of a consumer group, over kafkajs's `eachBatch`.
 *
 * Invariant: an offset is committed only after `onBatch` has answered `processed` for every record below it, and a
 * partition never has two batches in flight. A batch that is `postponed` leaves its partition paused at the same
 * offset; the caller resumes it. What is committed is the position past the batch including transaction markers, which
 * are records that no consumer sees: so a group that has read everything is committed at the end of its partitions.
 *
 * Offsets are committed every `commitIntervalMs`, on revoke and on stop, so a crash redelivers at most that much. A
 * commit of a past generation is refused by the broker; those records come again, to us or to another member. It is
 * the caller's writes that must be harmless when repeated.
 *
 * It does not decode, retry or park: it knows nothing of what a record means.
 */
import { parseOffset, type Offset } from '@driftlab/change-event'
import kafkajs, { type Batch, type Consumer, type EachBatchPayload, type Kafka } from 'kafkajs'
import { toLogRecord, type LogRecord, type TopicPartition } from './record.ts'

export interface FetchOptions {
  /** The broker answers when it has this much, or after `maxWaitMs`. */
  readonly minBytes: number
  readonly maxWaitMs: number
  /** Bounds a batch, and with `concurrency` the memory: a fetch holds at most this times the partitions. */
  readonly maxBytesPerPartition: number
}

export interface LogBatch extends TopicPartition {
  readonly records: readonly LogRecord[]
  /** Where reading goes on: past the last record and the transaction markers behind it. */
  readonly next: Offset
  /** One past the last record of the partition as of this fetch, open transactions included. */
  readonly highWatermark: Offset
}

export type BatchOutcome = 'processed' | 'postponed'

export interface ConsumeOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  readonly fetch: FetchOptions
  /** How many partitions are worked on at the same time. */
  readonly concurrency: number
  readonly onBatch: (batch: LogBatch) => Promise<BatchOutcome>
  /** Where to begin reading a partition that the group gives us; undefined for where the group has committed. */
  readonly beginAt?: (partition: TopicPartition) => Offset | undefined
  /** The group gave us these partitions, instead of all those before. */
  readonly onAssigned?: (partitions: readonly TopicPartition[]) => void
  /** Out of the group, by no wish of ours: nothing is read until `onAssigned`, which may be with no partition at all. */
  readonly onLost?: () => void
  /** The position moved without a record: past transaction markers or aborted transactions. */
  readonly onSkipped?: (position: TopicPartition & { readonly highWatermark: Offset; readonly next: Offset }) => void
  /** `onBatch` threw, or the group cannot be rejoined: consumption has ended and nothing was committed for it. */
  readonly onFailure: (error: unknown) => void
  /** A commit was refused or did not arrive. It is tried again with the next; until then a crash redelivers more. */
  readonly onCommitFailure?: (error: unknown) => void
  readonly sessionTimeoutMs?: number
  readonly commitIntervalMs?: number
}

export interface Consumption {
  /** The partitions that the group has given to this member; empty while it joins. */
  assigned(): readonly TopicPartition[]
  paused(): readonly TopicPartition[]
  /** Fetches postponed partitions again, from the offset at which each was postponed. */
  resume(partitions: readonly TopicPartition[]): void
  /** Lets batches in flight end, commits, leaves the group and disconnects. */
  stop(): Promise<void>
}

export async function consume(kafka: Kafka, options: ConsumeOptions): Promise<Consumption> {
  const sessionTimeoutMs = options.sessionTimeoutMs ?? 15_000
  const heartbeatIntervalMs = Math.floor(sessionTimeoutMs / 5)
  const consumer = kafka.consumer({
    groupId: options.groupId,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: 30_000,
    heartbeatInterval: heartbeatIntervalMs,
    minBytes: options.fetch.minBytes,
    maxWaitTimeInMs: options.fetch.maxWaitMs,
    maxBytesPerPartition: options.fetch.maxBytesPerPartition,
    maxBytes: options.fetch.maxBytesPerPartition * options.concurrency,
    allowAutoTopicCreation: false,
    readUncommitted: false,
  })
  const offsets = createCommitter(consumer, options.onCommitFailure ?? (() => undefined))
  const inFlight = new Set<Promise<void>>()
  let assigned: readonly TopicPartition[] = []
  let failed = false
  let stopping = false
  let rejoinTimer: NodeJS.Timeout | undefined

  const fail = (error: unknown): void => {
    if (failed) return
    failed = true
    options.onFailure(error)
  }

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    assigned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition })),
    )
    // A rebalance does not unpause: a partition that comes back to us starts at its committed offset, like any other.
    consumer.resume(consumer.paused())
    offsets.forget()
    for (const at of assigned) {
      const offset = options.beginAt?.(at)
      if (offset !== undefined) consumer.seek({ ...at, offset: String(offset) })
    }
    options.onAssigned?.(assigned)
  })
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    if (payload.batchSize > 0) return
    const next = parseOffset(BigInt(payload.lastOffset) + 1n)
    offsets.advance(payload, next)
    options.onSkipped?.({
      topic: payload.topic,
      partition: payload.partition,
      highWatermark: parseOffset(payload.highWatermark),
      next,
    })
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    assigned = []
    if (stopping || failed) return
    if (!payload.restart && isFinal(payload.error)) {
      fail(payload.error)
      return
    }
    options.onLost?.()
    if (!payload.restart) rejoinTimer = setTimeout(() => void run().catch(fail), rejoinDelayMs)
  })

  const eachBatch = async (payload: EachBatchPayload): Promise<void> => {
    const { batch } = payload
    offsets.commitThrough(payload)
    const outcome = stopping ? 'postponed' : await withHeartbeats(payload, heartbeatIntervalMs, () => handle(batch))
    switch (outcome) {
      case 'processed':
        payload.resolveOffset(batch.lastOffset())
        offsets.advance(batch, parseOffset(BigInt(batch.lastOffset()) + 1n))
        break
      case 'postponed':
        payload.pause()
        break
    }
    try {
      await payload.heartbeat()
    } catch (error) {
      // Most often a rebalance: what is done is committed while this generation may still do so.
      await offsets.commit()
      throw error
    }
  }

  const handle = async (batch: Batch): Promise<BatchOutcome> => {
    try {
      return await options.onBatch({
        topic: batch.topic,
        partition: batch.partition,
        records: batch.messages.map((message) => toLogRecord(batch.topic, batch.partition, message)),
        next: parseOffset(BigInt(batch.lastOffset()) + 1n),
        highWatermark: parseOffset(batch.highWatermark),
      })
    } catch (error) {
      fail(error)
      throw new kafkajs.KafkaJSNonRetriableError(error instanceof Error ? error : String(error))
    }
  }

  const run = (): Promise<void> =>
    consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: options.concurrency,
      eachBatch: (payload) => {
        const work = eachBatch(payload)
        const settled = work.then(
          () => undefined,
          () => undefined,
        )
        inFlight.add(settled)
        void settled.then(() => inFlight.delete(settled))
        return work
      },
    })

  await consumer.connect()
  await consumer.subscribe({ topics: [...options.topics], fromBeginning: true })
  await run()
  const commitTimer = setInterval(() => void offsets.commit(), options.commitIntervalMs ?? 100)

  return {
    assigned: () => assigned,
    paused: () =>
      consumer.paused().flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))),
    resume: (partitions) => {
      if (stopping || failed) return
      consumer.resume(partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] })))
    },
    stop: async () => {
      stopping = true
      clearTimeout(rejoinTimer)
      clearInterval(commitTimer)
      await Promise.all(inFlight)
      await offsets.commit()
      await consumer.disconnect()
    },
  }
}

const rejoinDelayMs = 1_000

/**
 * Whether trying again is of no use: a broker has refused us for good, or we asked for what cannot be.
 *
 * kafkajs 2.2.4 calls more than that final. A broker that shuts down says that it no longer coordinates the group, and
 * closes the connection over which it is asked who does (https://github.com/tulios/kafkajs/issues/1630, open); one that
 * has just closed is asked for what it knows, which is a plain error ("Broker not connected"). Both end with the restart.
 */
function isFinal(error: Error): boolean {
  if (error.cause instanceof Error) return isFinal(error.cause)
  return error instanceof kafkajs.KafkaJSError && !error.retriable && error.name !== 'KafkaJSGroupCoordinatorNotFound'
}

/** Runs `work` while telling the group that we are alive. A failed heartbeat ends nothing: the next one says it again. */
async function withHeartbeats<Result>(
  payload: EachBatchPayload,
  intervalMs: number,
  work: () => Promise<Result>,
): Promise<Result> {
  const timer = setInterval(() => {
    payload.heartbeat().catch(() => undefined)
  }, intervalMs)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}

interface Committer {
  /** The position of a partition moved to `next`: everything below it is done with. */
  advance(partition: TopicPartition, next: Offset): void
  /** Commits what moved since the last time. Never throws: what could not be committed stays due. */
  commit(): Promise<void>
  /** A new generation begins: positions of the last one are no longer ours to commit. */
  forget(): void
  /** kafkajs gives each batch a commit that belongs to its generation and does not retry behind our back. */
  commitThrough(payload: EachBatchPayload): void
}

function createCommitter(consumer: Consumer, onCommitFailure: (error: unknown) => void): Committer {
  const due = new Map<string, TopicPartition & { readonly next: Offset }>()
  let viaBatch: EachBatchPayload['commitOffsetsIfNecessary'] | undefined
  let running: Promise<void> = Promise.resolve()

  const commitDue = async (): Promise<void> => {
    if (due.size === 0) return
    const positions = [...due.values()]
    const topics = positions.map(({ topic, partition, next }) => ({
      topic,
      partitions: [{ partition, offset: String(next) }],
    }))
    try {
      if (viaBatch === undefined) {
        await consumer.commitOffsets(positions.map(({ next, ...at }) => ({ ...at, offset: String(next) })))
      } else {
        await viaBatch({ topics })
      }
    } catch (error) {
      onCommitFailure(error)
      return
    }
    for (const position of positions) {
      const key = keyOf(position)
      if (due.get(key) === position) due.delete(key)
    }
  }

  return {
    advance: (partition, next) => {
      due.set(keyOf(partition), { topic: partition.topic, partition: partition.partition, next })
    },
    commit: () => {
      running = running.then(commitDue)
      return running
    },
    forget: () => {
      due.clear()
      viaBatch = undefined
    },
    commitThrough: (payload) => {
      viaBatch = (offsets) => payload.commitOffsetsIfNecessary(offsets)
    },
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
