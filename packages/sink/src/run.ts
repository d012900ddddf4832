/**
 * The consumer runtime: poll -> decode -> project -> write -> commit.
 *
 * Invariant: an offset is committed only when every record below it is in the store or in the dead-letter topic. What
 * may happen instead is that records come again; that they then change nothing is the store's promise (see
 * sink-contract). Nothing here remembers keys or versions from one batch to the next.
 *
 * Failures are of three kinds. The store is unavailable: the partition is paused at its offset, nothing is held in
 * memory, and it resumes when the store answers again. A record is poison: it is parked and the rest goes on. A bug:
 * the sink fails and the process ends, having committed nothing for that batch.
 */
import type { Log, LogBatch, Consumption, FetchOptions, TopicPartition } from '@driftlab/kafka'
import type { Logger } from '@driftlab/service'
import type { DecodeOptions } from '@driftlab/change-event'
import { backoffMs, type BackoffOptions } from './backoff.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { LatencyWindow } from './latency.ts'
import type { SinkMetrics, SinkState } from './metrics.ts'
import { planBatch, type Plan, type Poison } from './plan.ts'
import { StoreUnavailable, type Operation, type Projection, type Store } from './store.ts'

export interface SinkOptions<Op extends Operation> {
  readonly log: Log
  readonly groupId: string
  readonly topics: readonly string[]
  readonly decode: DecodeOptions
  readonly project: Projection<Op>
  readonly store: Store<Op>
  readonly deadLetters: DeadLetters
  readonly metrics: SinkMetrics
  readonly latency: LatencyWindow
  readonly logger: Logger
  /** A bug or a group that cannot be rejoined: the process must end. */
  readonly fail: (error: unknown) => void
  readonly fetch: FetchOptions
  /** How many partitions are written at the same time. */
  readonly concurrency?: number
  /** Bounds one call of the store's `write`. */
  readonly operationsPerWriteMax?: number
  readonly backoff?: BackoffOptions
  readonly sessionTimeoutMs?: number
  readonly nowMs?: () => number
}

export interface Sink {
  state(): SinkState
  assigned(): readonly TopicPartition[]
  /** What the store last failed with, while the sink is paused. */
  pausedBecause(): Error | undefined
  /** Ends the batches in flight, commits them and leaves the group. The store stays open: its owner closes it. */
  stop(): Promise<void>
}

const defaults = {
  concurrency: 4,
  operationsPerWriteMax: 2_000,
  backoff: { firstMs: 100, capMs: 5_000 },
}

export async function runSink<Op extends Operation>(options: SinkOptions<Op>): Promise<Sink> {
  const { store, metrics, logger } = options
  const backoff = options.backoff ?? defaults.backoff
  const operationsPerWriteMax = options.operationsPerWriteMax ?? defaults.operationsPerWriteMax
  const nowMs = options.nowMs ?? Date.now

  let state: SinkState = 'starting'
  metrics.showState(state)
  let isInGroup = false
  let outage: { readonly error: Error; readonly attempt: number; readonly timer: NodeJS.Timeout } | undefined
  const setState = (next: SinkState): void => {
    if (state === next || state === 'failed' || (state === 'draining' && next !== 'failed')) return
    state = next
    metrics.showState(state)
  }
  const fail = (error: unknown): void => {
    setState('failed')
    clearTimeout(outage?.timer)
    options.fail(error)
  }

  const goOn = (): void => {
    setState(isInGroup ? 'running' : 'starting')
  }

  // Another partition's batch may have found the store down while this one was being written.
  const isPaused = (): boolean => outage !== undefined

  const onBatch = async (batch: LogBatch): Promise<'processed' | 'postponed'> => {
    // While the store is known to be down, a batch that was already fetched does not try its luck.
    if (outage !== undefined) return 'postponed'
    const plan = planBatch(batch.records, options.project, options.decode)
    try {
      const { stale, poison } = await writePlan(plan, store, operationsPerWriteMax)
      await parkAll(poison)
      report(batch, plan, stale, poison)
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      metrics.retries.inc()
      pauseFor(error, 1)
      return 'postponed'
    }
    if (!isPaused()) goOn()
    return 'processed'
  }

  const parkAll = async (poison: readonly Poison[]): Promise<void> => {
    if (poison.length === 0) return
    try {
      await options.deadLetters.park(poison)
    } catch (cause) {
      throw new StoreUnavailable('The dead-letter topic took no record; is Kafka up, and was create-topics run?', {
        cause,
      })
    }
    for (const { record, reason, stage, message } of poison) {
      metrics.countParked(reason)
      const { topic, partition, offset } = record
      logger.warn({ topic, partition, offset, stage, reason, detail: message }, 'parked a poison record')
    }
  }

  const report = (batch: LogBatch, plan: Plan<Op>, stale: number, poison: readonly Poison[]): void => {
    const acknowledgedMs = nowMs()
    const refused = poison.filter(({ stage }) => stage === 'write').length
    metrics.applied.inc(Math.max(0, plan.changeCount - stale - refused))
    metrics.stale.inc(stale)
    for (const committedAtMs of plan.committedAtMs) {
      const latencyMs = Math.max(0, acknowledgedMs - committedAtMs)
      options.latency.record(latencyMs)
      metrics.commitToVisibleMs.observe(latencyMs)
    }
    const last = batch.records.at(-1)
    if (last !== undefined) {
      const newest = plan.committedAtMs.at(-1) ?? last.timestampMs
      reportLag(batch, batch.highWatermark - batch.next, acknowledgedMs - newest)
    }
  }

  const reportLag = ({ topic, partition }: TopicPartition, lagRecords: number, ageMs: number): void => {
    metrics.lagRecords.set({ topic, partition }, lagRecords)
    metrics.lagMs.set({ topic, partition }, lagRecords > 0 ? Math.max(0, ageMs) : 0)
  }

  const pauseFor = (error: Error, attempt: number): void => {
    if (outage !== undefined && attempt === 1) return
    // Whoever drains will resume nothing: a timer would only outlive it.
    if (state === 'draining') return
    const waitMs = backoffMs(attempt, backoff)
    setState('paused')
    logger.warn({ err: error, attempt, waitMs: Math.round(waitMs) }, 'the store is unavailable; partitions are paused')
    outage = { error, attempt, timer: setTimeout(() => void probe(attempt), waitMs) }
  }

  const probe = async (attempt: number): Promise<void> => {
    try {
      await store.ping()
    } catch (error) {
      if (error instanceof StoreUnavailable) pauseFor(error, attempt + 1)
      else fail(error)
      return
    }
    outage = undefined
    logger.info({ attempt }, 'the store answers again; resuming')
    goOn()
    consumption.resume(consumption.paused())
  }

  const consumption: Consumption = await options.log.consume({
    groupId: options.groupId,
    topics: options.topics,
    fetch: options.fetch,
    concurrency: options.concurrency ?? defaults.concurrency,
    ...(options.sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs: options.sessionTimeoutMs }),
    onBatch,
    onAssigned: (partitions) => {
      logger.info({ partitions: partitions.map(({ topic, partition }) => `${topic}/${partition}`) }, 'assigned')
      metrics.lagRecords.reset()
      metrics.lagMs.reset()
      isInGroup = true
      if (outage === undefined) goOn()
    },
    onLost: () => {
      isInGroup = false
      if (outage === undefined) goOn()
    },
    onSkipped: ({ topic, partition, highWatermark, next }) => {
      reportLag({ topic, partition }, highWatermark - next, 0)
    },
    onCommitFailure: (error) => {
      logger.debug({ err: error }, 'offsets were not committed; the records may come again')
    },
    onFailure: fail,
  })

  return {
    state: () => state,
    assigned: () => consumption.assigned(),
    pausedBecause: () => outage?.error,
    stop: async () => {
      setState('draining')
      clearTimeout(outage?.timer)
      await consumption.stop()
    },
  }
}

/** Writes a plan in calls of bounded size. @throws {StoreUnavailable} after which the whole plan is to be repeated. */
async function writePlan<Op extends Operation>(
  plan: Plan<Op>,
  store: Store<Op>,
  operationsPerWriteMax: number,
): Promise<{ readonly stale: number; readonly poison: readonly Poison[] }> {
  const poison = [...plan.poison]
  let stale = 0
  let pending = plan.operations
  while (pending.length > 0) {
    const next: Op[] = []
    for (let start = 0; start < pending.length; start += operationsPerWriteMax) {
      const result = await store.write(pending.slice(start, start + operationsPerWriteMax))
      stale += result.stale
      if (result.refused.length === 0) continue
      const replaced = plan.replace(result.refused)
      poison.push(...replaced.poison)
      next.push(...replaced.operations)
    }
    pending = next
  }
  return { stale, poison: oncePerRecord(poison) }
}

/** A record of which two operations were refused is one dead letter, not two. */
function oncePerRecord(poison: readonly Poison[]): readonly Poison[] {
  return [...new Map(poison.map((entry) => [entry.record, entry])).values()]
}
