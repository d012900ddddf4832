/**
 * The order of a rebuild: fill, hold, pass the watermark, switch. Knows no store; each is a `Rebuildable`.
 *
 * Invariant: at the switch the fresh generation has every write that the current one has, each key at that version or a newer
 * one. For with the writers held, whatever the current generation has was in the log before the watermark was read, and the
 * filler's group has committed past it; a sink commits only what its store has acknowledged. After the switch the live sink
 * goes on from its own offset, which the filler has passed, too. That a change is then written twice changes nothing: the
 * version sees to it, as always.
 *
 * Until the switch nothing that is read was touched, so a rebuild that fails or is interrupted has only its fresh generation
 * to remove. One that was killed leaves that to the next, which starts from nothing: it trusts neither a half-filled
 * generation nor the offsets of whoever filled it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { DecodeOptions } from '@driftlab/change-event'
import type { Log, LogAdmin, PartitionRange } from '@driftlab/kafka'
import { createMetrics, type Logger } from '@driftlab/service'
import { createLatencyWindow, createSinkMetrics, runSink, type Operation, type Sink, type Store } from '@driftlab/sink'
import pRetry from 'p-retry'
import { RebuildError, type Generation, type Rebuildable, type StoreName } from './generation.ts'

export interface RebuildOptions<Op extends Operation> {
  readonly target: Rebuildable<Op>
  readonly log: Log
  readonly topic: string
  /** The filler's own; nobody else may use it. */
  readonly group: string
  readonly decode: DecodeOptions
  /** Leaves the old generation where it is, until the next rebuild. */
  readonly keep: boolean
  /** For all until the switch. */
  readonly deadlineMs: number
  /** For one try to pass the watermark while the writers wait. */
  readonly holdMaxMs: number
  /** How long a reader that found the old generation may go on with it. */
  readonly graceMs: number
  readonly signal: AbortSignal
  readonly logger: Logger
  readonly onProgress: (progress: Progress) => void
}

export type Progress =
  | { readonly step: 'preparing' }
  | {
      readonly step: 'filling'
      /** Offsets of the log that are done with, of those there are now. Transaction markers and gaps count. */
      readonly position: number
      readonly end: number
      /** Keys written so far; one that is written in two batches counts twice. */
      readonly keys: number
      readonly elapsedMs: number
      /** What the store last failed with, while it is waited for. */
      readonly waitingFor: string | undefined
    }
  | { readonly step: 'switching' }
  | { readonly step: 'leaving'; readonly generation: string }

export interface Rebuilt {
  readonly store: StoreName
  readonly from: string
  readonly to: string
  /** The old generation is still there. */
  readonly kept: boolean
  /** Keys written until the filler had caught up; one that is written in two batches counts twice. */
  readonly keys: number
  /** Offsets of the log up to there. */
  readonly records: number
  /** From the filler's start until it had caught up. */
  readonly fillMs: number
  readonly keysPerSecond: number
  /** For how long the live sink's writes were refused. */
  readonly heldMs: number
  /** When the store had acknowledged the switch, in milliseconds since 1970. */
  readonly switchedAtMs: number
  /** Poison records, which the live sink has set aside already. */
  readonly poison: number
}

const pollMs = 50
/** So near to the end that the rest takes less time than a reader's patience: then writers may be held. */
const nearRecords = 1_000
/** After which the group gives up a filler that was killed: until then another rebuild has to wait. */
const sessionTimeoutMs = 15_000

/** @throws {RebuildError} saying what to do; unless it says otherwise, readers and writers are where they were before. */
export async function rebuild<Op extends Operation>(options: RebuildOptions<Op>): Promise<Rebuilt> {
  const { target, log, group, signal, onProgress } = options
  await using opened = new AsyncDisposableStack()
  const admin = await log.connectAdmin()
  opened.defer(() => admin.close())
  onProgress({ step: 'preparing' })
  await forgetGroup(admin, group, signal)
  const generation = await target.prepare()
  await using unfinished = new AsyncDisposableStack()
  unfinished.defer(() => generation.discard())

  await using running = new AsyncDisposableStack()
  const filler = await startFiller(options, generation)
  opened.defer(() => admin.deleteGroups([group]))
  running.defer(() => filler.sink.stop())
  const deadline = performance.now() + options.deadlineMs
  const filled = await untilNear(options, admin, filler, deadline)
  for (;;) {
    onProgress({ step: 'switching' })
    const heldMs = await handOver(options, admin, filler, generation)
    if (heldMs !== undefined) {
      const switchedAtMs = Date.now()
      unfinished.move()
      await running.disposeAsync()
      const kept = !(await leave(options, generation))
      const { name: store } = target
      const { current: from, fresh: to } = generation
      return { store, from, to, kept, ...filled, heldMs, switchedAtMs, poison: filler.poison() }
    }
    await untilNear(options, admin, filler, deadline)
  }
}

interface Filler {
  readonly sink: Sink
  readonly startedAt: number
  readonly keys: () => number
  readonly poison: () => number
  /** @throws what ended it. */
  readonly check: () => void
}

async function startFiller<Op extends Operation>(
  { target, log, topic, group, decode, logger }: RebuildOptions<Op>,
  generation: Generation<Op>,
): Promise<Filler> {
  let keys = 0
  let poison = 0
  let failure: { readonly error: unknown } | undefined
  const store: Store<Op> = {
    ...generation.store,
    write: async (operations) => {
      const result = await generation.store.write(operations)
      keys += operations.length
      return result
    },
  }
  const startedAt = performance.now()
  const sink = await runSink({
    ...{ log, groupId: group, topics: [topic], decode, logger, store, sessionTimeoutMs },
    project: generation.project,
    operationsPerWriteMax: target.operationsPerWriteMax,
    // The live sink has parked them; once is enough.
    deadLetters: {
      park: (records) => {
        poison += records.length
        return Promise.resolve()
      },
    },
    metrics: createSinkMetrics(createMetrics({ service: group }).registry),
    latency: createLatencyWindow(),
    fail: (error) => {
      failure = { error }
    },
    // A backlog is read in pieces; near the end, whatever there is comes at once. A piece has to be decoded within a session,
    // by three fillers of one process on a machine that has other work: with 4 MiB of each partition no piece ever was.
    fetch: { minBytes: 1, maxWaitMs: 20, maxBytesPerPartition: 1_048_576 },
  })
  return {
    sink,
    startedAt,
    keys: () => keys,
    poison: () => poison,
    check: () => {
      if (failure === undefined) return
      throw new RebuildError(`The filler of ${target.name} failed; this is a bug or a store that is set up otherwise`, {
        cause: failure.error,
      })
    },
  }
}

async function untilNear<Op extends Operation>(
  { target, topic, group, signal, onProgress }: RebuildOptions<Op>,
  admin: LogAdmin,
  filler: Filler,
  deadline: number,
): Promise<Pick<Rebuilt, 'keys' | 'records' | 'fillMs' | 'keysPerSecond'>> {
  for (;;) {
    signal.throwIfAborted()
    filler.check()
    const partitions = await admin.groupProgress(group, topic)
    const end = partitions.reduce((sum, range) => sum + range.end - range.start, 0)
    const remaining = partitions.reduce((sum, { lagRecords }) => sum + lagRecords, 0)
    const keys = filler.keys()
    const elapsedMs = performance.now() - filler.startedAt
    const waitingFor = filler.sink.pausedBecause()?.message
    onProgress({ step: 'filling', position: end - remaining, end, keys, elapsedMs, waitingFor })
    // What is near while nothing was read yet is the whole log of a small lane, and is read all the same.
    if (remaining <= Math.min(nearRecords, end / 2)) {
      return { keys, records: end - remaining, fillMs: elapsedMs, keysPerSecond: (keys / elapsedMs) * 1_000 }
    }
    if (performance.now() > deadline) {
      throw new RebuildError(
        `The filler of ${target.name} has ${remaining} of ${end} offsets still to go. Give it longer (DEADLINE_S), or find out why writes outrun it`,
      )
    }
    await delay(pollMs, undefined, { signal })
  }
}

/** @returns for how long writers were held; undefined when the filler was too slow, so that they were let go again. */
async function handOver<Op extends Operation>(
  { topic, group, holdMaxMs, signal }: RebuildOptions<Op>,
  admin: LogAdmin,
  filler: Filler,
  generation: Generation<Op>,
): Promise<number | undefined> {
  const heldAt = performance.now()
  await generation.hold()
  const deadline = performance.now() + holdMaxMs
  const watermark = await admin.ranges(topic)
  while (!(await hasPassed(admin, group, topic, watermark))) {
    signal.throwIfAborted()
    filler.check()
    if (performance.now() > deadline) {
      await generation.release()
      return undefined
    }
    await delay(pollMs / 2)
  }
  await generation.switch()
  return performance.now() - heldAt
}

async function hasPassed(
  admin: LogAdmin,
  group: string,
  topic: string,
  watermark: readonly PartitionRange[],
): Promise<boolean> {
  const progress = await admin.groupProgress(group, topic)
  const committed = new Map(progress.map((partition) => [partition.partition, partition.committed]))
  return watermark.every(({ partition, start, end }) => end <= start || (committed.get(partition) ?? 0) >= end)
}

/** @returns whether the old generation is gone. The switch has happened, so an interruption only leaves it where it is. */
async function leave<Op extends Operation>(
  { keep, graceMs, signal, onProgress }: RebuildOptions<Op>,
  generation: Generation<Op>,
): Promise<boolean> {
  if (keep) return false
  onProgress({ step: 'leaving', generation: generation.current })
  await delay(graceMs, undefined, { signal }).catch(() => undefined)
  if (signal.aborted) return false
  try {
    await generation.removeOld()
  } catch (cause) {
    throw new RebuildError(
      `Readers and writers have switched to ${generation.fresh}, but ${generation.current} could not be removed; the next rebuild will try again`,
      { cause },
    )
  }
  return true
}

/** A filler that was killed is a member for some seconds more; one that lives is another rebuild. */
async function forgetGroup(admin: LogAdmin, group: string, signal: AbortSignal): Promise<void> {
  try {
    const retry = { retries: 20, minTimeout: sessionTimeoutMs / 10, factor: 1, signal }
    await pRetry(() => admin.deleteGroups([group]), retry)
  } catch (cause) {
    signal.throwIfAborted()
    throw new RebuildError(`Another rebuild is at work: the group ${group} has members. Wait until it has ended`, {
      cause,
    })
  }
}
