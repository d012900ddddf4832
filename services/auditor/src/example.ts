/**
 * One diverged key for people to look at: what the source says of it and what every store holds. Pure.
 */
import { compareWithRow, type DivergenceKind, type Held, type SourceState, type View } from './judge.ts'
import type { FieldDifference, SourceRow } from './projection.ts'
import type { Example, ExampleSource, ExampleStore } from './report.ts'
import { readRevision } from './values.ts'

const textMax = 200
const itemsMax = 5

export interface StoreState {
  readonly name: string
  readonly view: View
  /** Undefined when the store did not answer. */
  readonly held: Held | undefined
  readonly parked: boolean
}

export function describeExample(key: string, state: SourceState<SourceRow>, stores: readonly StoreState[]): Example {
  return {
    key,
    source: describeSource(state),
    stores: Object.fromEntries(stores.map((store) => [store.name, describeStore(state, store)])),
  }
}

function describeSource({ row, deletion }: SourceState<SourceRow>): ExampleSource {
  if (row !== null) {
    const values = Object.entries(row.values).map(([column, value]) => [column, shortened(value)])
    return { state: 'present', revision: row.revision, values: Object.fromEntries(values) as Record<string, unknown> }
  }
  if (deletion === null) return { state: 'absent' }
  return {
    state: 'deleted',
    revision: deletion.revision,
    deletedAt: new Date(deletion.deletedAtMs).toISOString(),
  }
}

function describeStore(state: SourceState<SourceRow>, { view, held, parked }: StoreState): ExampleStore {
  if (held === undefined) {
    return { status: 'unobserved', reason: null, holds: 'unobserved', revision: null, fields: null, differences: [] }
  }
  const { status, reason, differences } = statusOf(state, view, held)
  return {
    status: parked && status !== 'same' ? 'parked' : status,
    reason,
    holds: held.state,
    revision: held.state === 'present' ? (readRevision(held.fields[view.revisionField], view.dialect) ?? null) : null,
    fields: shownFields(view, held),
    differences: differences.map(({ field, source, store }) => ({
      field,
      source: shortened(source),
      store: shortened(store),
    })),
  }
}

/** What one look at a store says of a key: something that is on its way shows like something that will never come. */
export interface Status {
  readonly status: DivergenceKind | 'same'
  readonly reason: string | null
  readonly differences: readonly FieldDifference[]
}

export function statusOf({ row, deletion }: SourceState<SourceRow>, view: View, held: Held): Status {
  if (row === null) {
    if (held.state === 'absent') return { status: 'same', reason: null, differences: [] }
    const status = deletion === null ? 'phantom' : 'resurrected'
    return { status, reason: deletion === null ? 'the source never held it' : 'the source deleted it', differences: [] }
  }
  const comparison = compareWithRow(view, row, held)
  return comparison.outcome === 'same'
    ? { status: 'same', reason: null, differences: [] }
    : { status: comparison.kind, reason: comparison.reason, differences: comparison.differences }
}

function shownFields(view: View, held: Held): Readonly<Record<string, unknown>> | null {
  switch (held.state) {
    case 'absent':
      return null
    case 'unreadable':
      return { excerpt: held.excerpt }
    case 'present':
      return Object.fromEntries(
        Object.keys(view.projection).map((field) => [field, shortened(held.fields[field] ?? null)]),
      )
  }
}

function shortened(value: unknown): unknown {
  if (typeof value === 'string') return value.length > textMax ? `${value.slice(0, textMax)}...` : value
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value
    const shown = items.slice(0, itemsMax).map(shortened)
    return items.length > itemsMax ? [...shown, `and ${items.length - itemsMax} more`] : shown
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shortened(member)]))
  }
  return value
}
