/**
 * The keys of one lane that differ now, with the evidence of the newest.
 *
 * Invariant: bounded by `keysMax` keys, each with a few words, and by `evidenceMax` pieces of evidence. A key that no
 * longer differs in any store is gone. Past the bound further keys are not taken in, and `full` says so: the counts are
 * then a floor. It asks no store anything.
 */
import { divergenceKinds, type DivergenceKind, type SourcePosition } from '../judge.ts'
import type { Evidence } from './evidence.ts'

export interface KnownDivergence {
  readonly key: string
  readonly firstSeenMs: number
  readonly lastSeenMs: number
  /** The state of the source that the stores should show; once it is another, nothing is certain any more. */
  readonly source: SourcePosition
  readonly stores: ReadonlyMap<string, DivergenceKind>
}

export interface Sighting {
  readonly key: string
  readonly store: string
  readonly kind: DivergenceKind
  readonly source: SourcePosition
}

export interface DivergenceList {
  see(sighting: Sighting, nowMs: number): void
  /** This store is right about this key, or nobody can tell any more. */
  clear(key: string, store: string): void
  forget(key: string): void
  setEvidence(key: string, evidence: Evidence): void
  evidenceOf(key: string): Evidence | undefined
  find(key: string): KnownDivergence | undefined
  /** Each call gives other keys, until all have had their turn. */
  takeInTurn(max: number): readonly KnownDivergence[]
  newest(max: number): readonly KnownDivergence[]
  countsOf(store: string): Readonly<Record<DivergenceKind, number>>
  readonly size: number
  /** Some key was not taken in since the list was last below its bound. */
  readonly full: boolean
}

interface Entry {
  readonly key: string
  readonly firstSeenMs: number
  lastSeenMs: number
  source: SourcePosition
  readonly stores: Map<string, DivergenceKind>
}

export function createDivergenceList(bounds: {
  readonly keysMax: number
  readonly evidenceMax: number
}): DivergenceList {
  /** In the order in which they were first seen. */
  const entries = new Map<string, Entry>()
  /** In the order in which they were last given out. */
  const turns = new Set<string>()
  const evidences = new Map<string, Evidence>()
  const counts = new Map<string, Map<DivergenceKind, number>>()
  let full = false

  const count = (store: string, kind: DivergenceKind, change: 1 | -1): void => {
    const ofStore = counts.get(store) ?? new Map<DivergenceKind, number>()
    ofStore.set(kind, (ofStore.get(kind) ?? 0) + change)
    counts.set(store, ofStore)
  }
  const forget = (key: string): void => {
    const entry = entries.get(key)
    if (entry === undefined) return
    for (const [store, kind] of entry.stores) count(store, kind, -1)
    entries.delete(key)
    turns.delete(key)
    evidences.delete(key)
    full = false
  }

  return {
    see: ({ key, store, kind, source }, nowMs) => {
      const known = entries.get(key)
      if (known === undefined && entries.size >= bounds.keysMax) {
        full = true
        return
      }
      const entry: Entry = known ?? { key, firstSeenMs: nowMs, lastSeenMs: nowMs, source, stores: new Map() }
      entries.set(key, entry)
      turns.add(key)
      const before = entry.stores.get(store)
      if (before !== undefined) count(store, before, -1)
      count(store, kind, 1)
      entry.stores.set(store, kind)
      entry.source = source
      entry.lastSeenMs = nowMs
    },
    clear: (key, store) => {
      const entry = entries.get(key)
      const kind = entry?.stores.get(store)
      if (entry === undefined || kind === undefined) return
      if (entry.stores.size === 1) {
        forget(key)
        return
      }
      entry.stores.delete(store)
      count(store, kind, -1)
    },
    forget,
    setEvidence: (key, evidence) => {
      const entry = entries.get(key)
      if (entry === undefined) return
      if (!evidences.has(key) && evidences.size >= bounds.evidenceMax) {
        const oldest = firstOf(evidences.keys(), entries)
        if (oldest === undefined || oldest.firstSeenMs >= entry.firstSeenMs) return
        evidences.delete(oldest.key)
      }
      evidences.set(key, evidence)
    },
    evidenceOf: (key) => evidences.get(key),
    find: (key) => entries.get(key),
    takeInTurn: (max) => {
      const taken = [...turns].slice(0, max)
      for (const key of taken) {
        turns.delete(key)
        turns.add(key)
      }
      return taken.flatMap((key) => entries.get(key) ?? [])
    },
    newest: (max) => [...entries.values()].slice(-max).reverse(),
    countsOf: (store) =>
      Object.fromEntries(divergenceKinds.map((kind) => [kind, counts.get(store)?.get(kind) ?? 0])) as Record<
        DivergenceKind,
        number
      >,
    get size() {
      return entries.size
    },
    get full() {
      return full
    },
  }
}

function firstOf(keys: Iterable<string>, entries: ReadonlyMap<string, Entry>): Entry | undefined {
  let first: Entry | undefined
  for (const key of keys) {
    const entry = entries.get(key)
    if (entry !== undefined && (first === undefined || entry.firstSeenMs < first.firstSeenMs)) first = entry
  }
  return first
}
