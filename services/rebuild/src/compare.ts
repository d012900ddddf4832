/**
 * Compares two generations of a derived store, key by key and value by value, in both directions.
 *
 * The old generation stands still since the switch and the current one does not, so a key that is newer, missing or extra may
 * be one that was written since. What was not written differs in nothing; `changed` and `older` have no such excuse.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Held } from '@driftlab/auditor'
import Table from 'cli-table3'
import type { Kept, StoreName } from './generation.ts'

/** Of the current generation: `missing` lacks a key that the old one has, `changed` has the same revision otherwise. */
export const differenceKinds = ['missing', 'extra', 'newer', 'older', 'changed'] as const
export type DifferenceKind = (typeof differenceKinds)[number]

export interface Difference {
  readonly key: string
  readonly kind: DifferenceKind
  readonly old: Readonly<Record<string, unknown>>
  readonly current: Readonly<Record<string, unknown>>
}

export interface Comparison {
  readonly store: StoreName
  readonly old: string
  readonly current: string
  /** Of the current generation. */
  readonly keys: number
  readonly counts: Readonly<Record<DifferenceKind, number>>
  readonly examples: readonly Difference[]
}

const revisionField = 'revision'

/** Pure: with only the fields in which the two differ. */
export function differenceOf(key: string, old: Held, current: Held): Difference | undefined {
  const before = fieldsOf(old)
  const after = fieldsOf(current)
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => !isDeepStrictEqual(before[name], after[name]),
  )
  if (names.length === 0) return undefined
  const only = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
    Object.fromEntries(names.filter((name) => name in fields).map((name) => [name, fields[name]]))
  return { key, kind: kindOf(old, current), old: only(before), current: only(after) }
}

function kindOf(old: Held, current: Held): DifferenceKind {
  if (current.state === 'absent') return 'missing'
  if (old.state === 'absent') return 'extra'
  const [before, after] = [Number(fieldsOf(old)[revisionField]), Number(fieldsOf(current)[revisionField])]
  if (after > before) return 'newer'
  return after < before ? 'older' : 'changed'
}

function fieldsOf(held: Held): Readonly<Record<string, unknown>> {
  switch (held.state) {
    case 'absent':
      return {}
    case 'present':
      return held.fields
    case 'unreadable':
      return { unreadable: held.reason }
  }
}

const pageSize = 2_000
const absent: Held = { state: 'absent' }

export async function compare(
  store: StoreName,
  { old, current }: Kept,
  { examplesMax, signal }: { readonly examplesMax: number; readonly signal: AbortSignal },
): Promise<Comparison> {
  const counts: Record<DifferenceKind, number> = { missing: 0, extra: 0, newer: 0, older: 0, changed: 0 }
  const examples: Difference[] = []
  const note = (difference: Difference | undefined): void => {
    if (difference === undefined) return
    counts[difference.kind] += 1
    if (examples.length < examplesMax) examples.push(difference)
  }
  // A scan may show a key twice.
  const seen = new Set<string>()
  let keys = 0
  for await (const page of current.store.keys(pageSize)) {
    signal.throwIfAborted()
    const fresh = page.filter((key) => !seen.has(key))
    for (const key of fresh) seen.add(key)
    const [before, after] = await Promise.all([old.store.read(fresh), current.store.read(fresh)])
    for (const key of after.keys()) {
      keys += 1
      note(differenceOf(key, before.get(key) ?? absent, after.get(key) ?? absent))
    }
  }
  for await (const page of old.store.keys(pageSize)) {
    signal.throwIfAborted()
    const unseen = page.filter((key) => !seen.has(key))
    const [before, after] = await Promise.all([old.store.read(unseen), current.store.read(unseen)])
    for (const key of before.keys()) {
      if (!seen.has(key)) note(differenceOf(key, before.get(key) ?? absent, after.get(key) ?? absent))
      seen.add(key)
    }
  }
  return { store, old: old.name, current: current.name, keys, counts, examples }
}

export function renderComparisons(comparisons: readonly Comparison[]): string {
  const plain = { style: { head: [], border: [] }, wordWrap: true }
  const counts = new Table({ ...plain, head: ['store', 'old', 'current', 'keys', ...differenceKinds] })
  counts.push(
    ...comparisons.map((comparison) => [
      ...[comparison.store, comparison.old, comparison.current, String(comparison.keys)],
      ...differenceKinds.map((kind) => String(comparison.counts[kind])),
    ]),
  )
  const examples = comparisons.flatMap(({ store, examples: own }) =>
    own.map(
      ({ key, kind, old, current }) =>
        `${store} ${key}: ${kind}\n  old      ${JSON.stringify(old)}\n  current  ${JSON.stringify(current)}`,
    ),
  )
  return [counts.toString(), ...examples].join('\n')
}
