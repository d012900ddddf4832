/**
 * The second look: waits until what the source shows must have arrived, and judges what the stores hold then.
 *
 * Invariant: `onDifferent` is only told of what no write on its way could explain. What could not be seen, or is still
 * moving, goes to one of the other callers' hands, never to nobody's. It remembers nothing between two looks.
 */
import { fromSource, messageOf } from './failure.ts'
import { judge, type Held, type Judgement, type RowPosition, type SourceState, type View } from './judge.ts'
import type { ChangeLog } from './log.ts'
import type { SourceRow } from './projection.ts'
import { settleByLog, settleByTime, type Patience, type Settlement } from './settle.ts'
import type { Source } from './sources/source.ts'
import type { LaneSpecification } from './specification.ts'

/** Keys with the stores in which each is under suspicion. */
export type Suspects = ReadonlyMap<string, ReadonlySet<string>>

/** What of one lane is read, however it was opened. */
export interface Eyes {
  readonly lane: LaneSpecification
  readonly source: Source
  /** Opened when the first suspect has to wait for it. */
  readonly log: () => Promise<ChangeLog>
  readonly viewOf: (store: string) => View
  /** Undefined when the store could not be read: the caller remembers why. */
  readonly readStore: (store: string, keys: readonly string[]) => Promise<ReadonlyMap<string, Held> | undefined>
}

export interface Found {
  readonly store: string
  readonly key: string
  readonly judgement: Extract<Judgement, { readonly outcome: 'different' }>
  /** The source as it was read after the store. */
  readonly source: SourceState<SourceRow>
}

export interface LookOutcomes {
  readonly onFine: (store: string, key: string) => void
  readonly onDifferent: (found: Found) => Promise<void>
  /** To be looked at once more, behind a newer watermark. */
  readonly onAgain: (store: string, key: string) => void
  /** It cannot be told: `missing` is what had not arrived, or undefined when the store could not be read. */
  readonly onUnsettled: (store: string, keys: readonly string[], missing: string | undefined) => void
}

export interface Settled {
  readonly settlement: Settlement
  /** The position of the write-ahead log that was waited for; null when none was. */
  readonly watermark: string | null
}

/** Suspects whose values are held at once. */
export const secondLookSize = 250

/** Waits as long as `patience` lasts. Where the log cannot be seen, nothing is settled. @throws {SourceFailure} */
export async function settle(
  { lane, source, log }: Eyes,
  before: ReadonlyMap<string, SourceState<RowPosition>>,
  patience: Patience,
): Promise<Settled> {
  const { settles } = lane
  switch (settles.kind) {
    case 'bounded':
      return {
        settlement: await fromSource(settleByTime(settles.inFlightMaxMs, before, source, patience)),
        watermark: null,
      }
    case 'log': {
      try {
        const { watermark, settlement } = await settleByLog(settles, source, await log(), patience)
        return { settlement, watermark }
      } catch (error) {
        const missing = `cannot tell how far the log is: ${messageOf(error)}`
        return { settlement: () => ({ missing }), watermark: null }
      }
    }
  }
}

export interface Look {
  /** The source, read before `settlement` was waited for. */
  readonly before: ReadonlyMap<string, SourceState<RowPosition>>
  readonly settlement: Settlement
  /** How often a key was already judged `again`. */
  readonly looksBefore: (key: string) => number
}

/** Judges at most `secondLookSize` suspects. @throws {SourceFailure} */
export async function judgePart(
  eyes: Eyes,
  part: readonly (readonly [string, ReadonlySet<string>])[],
  look: Look,
  outcomes: LookOutcomes,
): Promise<void> {
  const keysByStore = new Map<string, string[]>()
  for (const [key, stores] of part) {
    for (const store of stores) {
      const settlement = look.settlement(store, key)
      if (settlement === 'settled') keysByStore.set(store, [...(keysByStore.get(store) ?? []), key])
      else outcomes.onUnsettled(store, [key], settlement.missing)
    }
  }
  const heldByStore = new Map<string, ReadonlyMap<string, Held>>()
  for (const [store, keys] of keysByStore) {
    const held = await eyes.readStore(store, keys)
    if (held === undefined) outcomes.onUnsettled(store, keys, undefined)
    else heldByStore.set(store, held)
  }
  if (heldByStore.size === 0) return

  const after = await fromSource(eyes.source.rows(part.map(([key]) => key)))
  for (const [store, held] of heldByStore) {
    for (const key of keysByStore.get(store) ?? []) {
      const source = after.get(key) ?? nowhere
      const judgement = judge(eyes.viewOf(store), {
        before: look.before.get(key) ?? nowhere,
        held: held.get(key) ?? { state: 'absent' },
        after: source,
        settlesBy: eyes.lane.settles.kind,
        deletionsKnown: eyes.lane.deletions !== undefined || eyes.lane.eventLog !== undefined,
        looksBefore: look.looksBefore(key),
      })
      switch (judgement.outcome) {
        case 'fine':
          outcomes.onFine(store, key)
          break
        case 'again':
          outcomes.onAgain(store, key)
          break
        case 'different':
          await outcomes.onDifferent({ store, key, judgement, source })
          break
      }
    }
  }
}

export const nowhere = { row: null, deletion: null } as const

export function* chunks<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}
