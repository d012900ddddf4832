/**
 * Waiting until what the source showed must have reached the stores: behind a watermark of the log, or until no write
 * can be in flight any more. There is no guess in it, only questions that are asked again until they are answered or
 * the deadline passes.
 */
import type { RowPosition, SourceState } from './judge.ts'
import type { ChangeLog } from './log.ts'
import type { Answer, Source } from './sources/source.ts'
import type { LaneSpecification } from './specification.ts'

/** Whether a store must show a key's state by now: `settled`, or what was still missing when the deadline passed. */
export type Settlement = (store: string, key: string) => 'settled' | { readonly missing: string }

export interface WaitOptions {
  /** How long one wait may take; after one has run out, later ones only ask once. */
  readonly deadlineMs: number
  readonly onProgress: (message: string) => void
}

export interface Patience {
  /** Asks until the answer is `reached`. Answers what is missing when the deadline passes first, or when it is for good. */
  until(ask: () => Promise<Answer>): Promise<Answer>
}

const askIntervalMs = 100

export function createPatience({ deadlineMs, onProgress }: WaitOptions): Patience {
  let exhausted = false
  return {
    until: async (ask) => {
      const startMs = performance.now()
      for (;;) {
        const answer = await ask()
        if (answer === 'reached' || answer.forGood === true) return answer
        const leftMs = exhausted ? 0 : deadlineMs - (performance.now() - startMs)
        if (leftMs <= 0) {
          exhausted = true
          return answer
        }
        onProgress(answer.missing)
        await new Promise((resolve) => setTimeout(resolve, Math.min(askIntervalMs, leftMs)))
      }
    },
  }
}

type LogSettling = Extract<LaneSpecification['settles'], { kind: 'log' }>

/**
 * Waits until each store's consumer group has passed everything that the source had committed before the call.
 *
 * First the source's watermark must be reached: then the topic holds every change up to it, be it in a
 * transaction that is not visible yet. Then the ends of the topic are read, and every group must pass them: sinks commit only what their store has acknowledged.
 */
export async function settleByLog(
  settles: LogSettling,
  source: Source,
  log: ChangeLog,
  patience: Patience,
): Promise<{ readonly watermark: string; readonly settlement: Settlement }> {
  const watermark = await source.watermark()
  const { position } = watermark
  const published = await patience.until(() => watermark.reached())
  if (published !== 'reached') return { watermark: position, settlement: () => published }

  const ends = await log.ends(settles.topic)
  const behindByStore = new Map(Object.keys(settles.sinks).map((store) => [store, Number.NaN]))
  const describe = (store: string): string => {
    const behind = behindByStore.get(store) ?? 0
    return `group ${settles.sinks[store]?.group ?? '?'} is ${behind} records behind in ${settles.topic}`
  }
  await patience.until(async () => {
    for (const store of [...behindByStore.keys()]) {
      const behind = await log.recordsBehind(settles.sinks[store]?.group ?? '', settles.topic, ends)
      if (behind === 0) behindByStore.delete(store)
      else behindByStore.set(store, behind)
    }
    return behindByStore.size === 0 ? 'reached' : { missing: [...behindByStore.keys()].map(describe).join('; ') }
  })
  return {
    watermark: position,
    settlement: (store) => (behindByStore.has(store) ? { missing: describe(store) } : 'settled'),
  }
}

/**
 * Waits until every key last changed longer ago than a write can be in flight, by the database's clock. A key that the
 * source never had counts from now on.
 */
export async function settleByTime(
  inFlightMaxMs: number,
  before: ReadonlyMap<string, SourceState<RowPosition>>,
  source: Source,
  patience: Patience,
): Promise<Settlement> {
  const startMs = await source.clockMs()
  const settledAtMs = (key: string): number => {
    const state = before.get(key)
    return (state?.row?.changedAtMs ?? state?.deletion?.deletedAtMs ?? startMs) + inFlightMaxMs
  }
  const lastMs = [...before.keys()].reduce((latest, key) => Math.max(latest, settledAtMs(key)), 0)
  let nowMs = startMs
  await patience.until(async () => {
    nowMs = await source.clockMs()
    // Later than, not at: the clock of the rows counts whole milliseconds.
    return nowMs > lastMs ? 'reached' : { missing: `writes may be in flight for ${Math.ceil(lastMs - nowMs)} ms more` }
  })
  return (_store, key) => (nowMs > settledAtMs(key) ? 'settled' : { missing: 'a write may still be in flight' })
}
