/**
 * Counts what an audit of one lane finds, store by store, and keeps a few examples of each kind.
 *
 * Bounded: counters, at most `examplesMax` examples of each kind and store, and the keys of extra rows up to a limit,
 * which keep a key that a scan lists twice from being counted twice.
 */
import { divergenceKinds, type DivergenceKind } from './judge.ts'
import type { Example, ParkedSummary, StoreReport } from './report.ts'
import { verdictOf } from './verdict.ts'

const rememberedExtrasMax = 200_000

interface StoreTally {
  compared: number
  scanned: number
  undetermined: number
  readonly divergences: Map<DivergenceKind, number>
  readonly doubts: Set<string>
  readonly extras: Set<string>
  readonly exampleKeys: Map<DivergenceKind, string[]>
  parked: ParkedSummary
}

export interface Tally {
  countCompared(store: string, keys: number): void
  countScanned(store: string, keys: number): void
  countUndetermined(store: string, keys: number): void
  /** Answers whether an example of this kind is still wanted for this store. */
  countDivergence(store: string, kind: DivergenceKind, key: string): { readonly wantsExample: boolean }
  addExample(example: Example): void
  hasExample(key: string): boolean
  doubt(store: string, reason: string): void
  doubtAll(reason: string): void
  setParked(store: string, parked: ParkedSummary): void
  examples(): readonly Example[]
  storeReports(): Readonly<Record<string, StoreReport>>
}

export const nothingParked: ParkedSummary = { count: 0, reasons: {}, samples: [] }

export function createTally(storeNames: readonly string[], examplesMax: number): Tally {
  const tallies = new Map(storeNames.map((name): [string, StoreTally] => [name, emptyTally()]))
  const examplesByKey = new Map<string, Example>()
  const of = (store: string): StoreTally => {
    const tally = tallies.get(store)
    if (tally === undefined) throw new TypeError(`The lane has no store ${store}`)
    return tally
  }

  return {
    countCompared: (store, keys) => {
      of(store).compared += keys
    },
    countScanned: (store, keys) => {
      of(store).scanned += keys
    },
    countUndetermined: (store, keys) => {
      of(store).undetermined += keys
    },
    countDivergence: (store, kind, key) => {
      const tally = of(store)
      if (kind === 'phantom' || kind === 'resurrected' || kind === 'parked') {
        if (tally.extras.has(key)) return { wantsExample: false }
        if (tally.extras.size < rememberedExtrasMax) tally.extras.add(key)
      }
      tally.divergences.set(kind, (tally.divergences.get(kind) ?? 0) + 1)
      const keys = tally.exampleKeys.get(kind) ?? []
      if (keys.length >= examplesMax) return { wantsExample: false }
      tally.exampleKeys.set(kind, [...keys, key])
      return { wantsExample: true }
    },
    addExample: (example) => {
      examplesByKey.set(example.key, example)
    },
    hasExample: (key) => examplesByKey.has(key),
    doubt: (store, reason) => {
      of(store).doubts.add(reason)
    },
    doubtAll: (reason) => {
      for (const tally of tallies.values()) tally.doubts.add(reason)
    },
    setParked: (store, parked) => {
      of(store).parked = parked
    },
    examples: () => {
      const queues = [...tallies.values()].flatMap(({ exampleKeys }) => [...exampleKeys.values()])
      return takeInTurns(queues, examplesMax).flatMap((key) => examplesByKey.get(key) ?? [])
    },
    storeReports: () => Object.fromEntries([...tallies].map(([name, tally]) => [name, toReport(tally)])),
  }
}

/** The first of each list, then the second of each, without repeating one, up to `max`. */
export function takeInTurns(lists: readonly (readonly string[])[], max: number): readonly string[] {
  const longest = Math.max(0, ...lists.map((list) => list.length))
  const taken = new Set<string>()
  for (let turn = 0; turn < longest; turn += 1) {
    for (const list of lists) {
      const key = list[turn]
      if (key !== undefined && taken.size < max) taken.add(key)
    }
  }
  return [...taken]
}

function emptyTally(): StoreTally {
  return {
    compared: 0,
    scanned: 0,
    undetermined: 0,
    divergences: new Map(),
    doubts: new Set(),
    extras: new Set(),
    exampleKeys: new Map(),
    parked: nothingParked,
  }
}

function toReport(tally: StoreTally): StoreReport {
  const counts = divergenceKinds.map((kind): [DivergenceKind, number] => [kind, tally.divergences.get(kind) ?? 0])
  const divergedKeys = counts.reduce((sum, [, count]) => sum + count, 0)
  const doubts = [...tally.doubts]
  if (tally.undetermined > 0) doubts.push(`${tally.undetermined} keys differed at every look and never came to rest`)
  if (tally.compared + tally.scanned === 0)
    doubts.push('nothing was seen: no row in the source and no key in the store')
  return {
    verdict: verdictOf({ divergences: divergedKeys, comparisons: tally.compared + tally.scanned, doubts }),
    doubts,
    comparedKeys: tally.compared,
    scannedKeys: tally.scanned,
    divergences: Object.fromEntries(counts) as Record<DivergenceKind, number>,
    divergedKeys,
    undeterminedKeys: tally.undetermined,
    parkedRecords: tally.parked,
  }
}
