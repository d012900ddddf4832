/**
 * The partitions that the group gives this process: opened when their first commands come, closed when they go to another.
 *
 * When the log fails a partition, the partition is closed, and opened again when its commands are next given out. What
 * became of the transaction, the log then says. Anything else that fails ends the process.
 */
import { isLogFailure, type Consumption, type Log, type LogAdmin, type LogBatch } from '@driftlab/kafka'
import type { Logger } from '@driftlab/service'
import type { DecidedBatch } from './decide-batch.ts'
import { openPartition, type Partition, type PartitionOptions } from './partition.ts'

export interface ProcessorOptions extends Omit<PartitionOptions, 'partition' | 'stateFile' | 'onRecovered'> {
  readonly log: Log
  readonly admin: LogAdmin
  readonly groupId: string
  readonly stateFileOf: (partition: number) => string
  readonly logger: Logger
  readonly onDecided: (decided: DecidedBatch, durationMs: number) => void
  readonly onTransactionFailed: () => void
  readonly fail: (error: unknown) => void
  readonly maxBytesPerPartition: number
  readonly sessionTimeoutMs?: number | undefined
}

export interface Processor {
  assigned(): readonly number[]
  /** Why nothing is decided, or a partition waits to be opened again; undefined when all is well. */
  troubledBecause(): Error | undefined
  stop(): Promise<void>
}

/** Until a partition that the log has failed is tried again. */
const reopenDelayMs = 250

export async function runProcessor(options: ProcessorOptions): Promise<Processor> {
  const { log, topics, logger } = options
  const partitions = new Map<number, Partition>()
  /** One thing at a time for each partition: a batch, or its closing. */
  const turns = new Map<number, Promise<unknown>>()
  const retries = new Set<NodeJS.Timeout>()
  let trouble: Error | undefined
  let isInGroup = false

  const inTurn = async <Value>(partition: number, work: () => Promise<Value>): Promise<Value> => {
    const before = turns.get(partition) ?? Promise.resolve()
    const mine = before.then(work, work)
    turns.set(partition, mine)
    return await mine
  }

  const close = async (partition: number): Promise<void> => {
    const opened = partitions.get(partition)
    partitions.delete(partition)
    await opened?.close()
  }

  const open = async (partition: number): Promise<Partition> => {
    const startedAtMs = performance.now()
    const opened = await openPartition({
      ...options,
      partition,
      stateFile: options.stateFileOf(partition),
      onRecovered: (recovered) => {
        logger.info({ partition, ...recovered, durationMs: performance.now() - startedAtMs }, 'partition opened')
      },
    })
    partitions.set(partition, opened)
    return opened
  }

  const decide = async (batch: LogBatch): Promise<'processed' | 'postponed'> => {
    const startedAtMs = performance.now()
    try {
      const partition = partitions.get(batch.partition) ?? (await open(batch.partition))
      const decided = await partition.decide(batch)
      trouble = undefined
      options.onDecided(decided, performance.now() - startedAtMs)
      return 'processed'
    } catch (error) {
      if (!isLogFailure(error)) throw error
      trouble = error
      options.onTransactionFailed()
      logger.warn({ err: error, partition: batch.partition }, 'the log failed a partition; it is opened anew')
      await close(batch.partition)
      retry(batch.partition)
      return 'postponed'
    }
  }

  const retry = (partition: number): void => {
    const timer = setTimeout(() => {
      retries.delete(timer)
      consumption.resume([{ topic: topics.commands, partition }])
    }, reopenDelayMs)
    retries.add(timer)
  }

  const consumption: Consumption = await log.consume({
    groupId: options.groupId,
    topics: [topics.commands],
    // Somebody waits for each answer: take whatever is there. See the cache-updater for why the wait is short.
    fetch: { minBytes: 1, maxWaitMs: 10, maxBytesPerPartition: options.maxBytesPerPartition },
    concurrency: 8,
    onBatch: (batch) => inTurn(batch.partition, () => decide(batch)),
    onLost: () => {
      isInGroup = false
    },
    onAssigned: (assigned) => {
      isInGroup = true
      const ours = new Set(assigned.map(({ partition }) => partition))
      for (const partition of partitions.keys()) {
        if (!ours.has(partition)) inTurn(partition, () => close(partition)).catch(options.fail)
      }
    },
    onFailure: options.fail,
    onCommitFailure: (error) => {
      logger.debug({ err: error }, 'offsets not committed; the place of the outcomes holds')
    },
    ...(options.sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs: options.sessionTimeoutMs }),
  })

  return {
    assigned: () => consumption.assigned().map(({ partition }) => partition),
    troubledBecause: () => trouble ?? (isInGroup ? undefined : new Error('Not in its group yet, or not any more')),
    stop: async () => {
      for (const timer of retries) clearTimeout(timer)
      await consumption.stop()
      for (const partition of [...partitions.keys()]) await inTurn(partition, () => close(partition))
    },
  }
}
