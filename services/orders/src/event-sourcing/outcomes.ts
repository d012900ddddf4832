/**
 * What became of commands, as the processors say it in the log: hands each outcome to whoever waits for it, and keeps the
 * latest for those who ask later.
 *
 * Invariant: it reads every partition, from a little before where they ended when it was opened, so an outcome of a
 * command that is sent afterwards is never missed. What it holds is bounded; it decides nothing.
 */
import { parseOffset, type Offset } from '@driftlab/change-event'
import type { Consumption, Log, LogAdmin, LogRecord } from '@driftlab/kafka'
import { decodeOutcome, type Outcome } from '@driftlab/order-events'

export interface Request {
  readonly commandId: string
  readonly fingerprint: string | null
}

export interface Outcomes {
  /**
   * The outcome of a command, once there is one; undefined when there is none in time. Another request may have come under
   * the same idempotency key, and so be the same command; its fingerprint tells whose outcome it is.
   */
  waitFor(request: Request, timeoutMs: number): Promise<Outcome | undefined>
  /** Of a command that was decided lately. */
  find(commandId: string): Outcome | undefined
  close(): Promise<void>
}

/** Bounds what is kept for later questions. */
const keptMax = 20_000
/** How much of each partition is read at the start, for questions about what was asked of another instance. */
const readBackMax = 2_000

export async function openOutcomes(
  log: Log,
  admin: LogAdmin,
  topic: string,
  fail: (error: unknown) => void,
): Promise<Outcomes> {
  const waiting = new Map<string, Set<(outcome: Outcome) => void>>()
  const kept = new Map<string, Outcome>()
  const ends = await admin.ranges(topic)
  const beginnings = new Map(ends.map(({ partition, start, end }) => [partition, readBack(start, end)]))
  const groupId = `orders-${topic}-${crypto.randomUUID()}`

  const take = (record: LogRecord): void => {
    const outcome = decodeOutcome(record.value)
    // A stop on the way is no answer.
    if (outcome.commandId === null || outcome.result.status === 'forwarded') return
    if (outcome.result.status !== 'answered') keep(outcome.commandId, outcome)
    const request = nameOf({ commandId: outcome.commandId, fingerprint: outcome.fingerprint })
    for (const answer of waiting.get(request) ?? []) answer(outcome)
    waiting.delete(request)
  }
  const keep = (commandId: string, outcome: Outcome): void => {
    kept.delete(commandId)
    kept.set(commandId, outcome)
    const [oldest] = kept.keys()
    if (kept.size > keptMax && oldest !== undefined) kept.delete(oldest)
  }

  const assigned = Promise.withResolvers<undefined>()
  const consumption: Consumption = await log.consume({
    groupId,
    topics: [topic],
    // Somebody waits: see the cache-updater for why the wait is short.
    fetch: { minBytes: 1, maxWaitMs: 10, maxBytesPerPartition: 524_288 },
    concurrency: ends.length,
    beginAt: ({ partition }) => beginnings.get(partition),
    onAssigned: () => {
      assigned.resolve(undefined)
    },
    onBatch: ({ partition, records, next }) => {
      for (const record of records) take(record)
      // After a rebalance of this group of one, reading goes on here.
      beginnings.set(partition, next)
      return Promise.resolve('processed')
    },
    onFailure: fail,
  })
  await assigned.promise

  return {
    find: (commandId) => kept.get(commandId),
    waitFor: (request, timeoutMs) =>
      new Promise((resolve) => {
        const name = nameOf(request)
        const answers = waiting.get(name) ?? new Set()
        waiting.set(name, answers)
        const answer = (outcome: Outcome | undefined): void => {
          clearTimeout(timer)
          resolve(outcome)
        }
        const timer = setTimeout(() => {
          answers.delete(answer)
          if (answers.size === 0) waiting.delete(name)
          resolve(undefined)
        }, timeoutMs)
        answers.add(answer)
      }),
    close: async () => {
      await consumption.stop()
      await admin.deleteGroups([groupId])
    },
  }
}

function nameOf({ commandId, fingerprint }: Request): string {
  return `${commandId} ${fingerprint ?? ''}`
}

function readBack(start: Offset, end: Offset): Offset {
  return parseOffset(Math.max(start, end - readBackMax))
}
