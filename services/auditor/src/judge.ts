/**
 * Says whether what a store holds for one key is right, given the source before and after the store was read.
 *
 * Pure. Invariant: `diverged` is only answered when no write that is still on its way could explain the difference;
 * otherwise the answer is `again`, and the caller looks once more behind a newer watermark.
 */
import { differences, type FieldDifference, type SourceRow } from './projection.ts'
import type { LaneSpecification, Projection, RecordSpecification, Specification } from './specification.ts'
import { readRevision, type Dialect } from './values.ts'

export const divergenceKinds = ['missing', 'stale', 'phantom', 'resurrected', 'corrupt', 'parked'] as const
export type DivergenceKind = (typeof divergenceKinds)[number]

/** What a store holds for a key. */
export type Held =
  | { readonly state: 'absent' }
  | { readonly state: 'present'; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly state: 'unreadable'; readonly reason: string; readonly excerpt: string }

export interface Deletion {
  readonly revision: number
  readonly deletedAtMs: number
}

/** What the source says of a key at one moment. A key may have been deleted and be back. */
export interface SourceState<Row> {
  readonly row: Row | null
  readonly deletion: Deletion | null
}

export interface RowPosition {
  readonly revision: number
  readonly changedAtMs: number | null
}

/** Which state of the source a store was held against. */
export type SourcePosition =
  { readonly state: 'present' | 'deleted'; readonly revision: number } | { readonly state: 'absent' }

export function positionOf({ row, deletion }: SourceState<Pick<RowPosition, 'revision'>>): SourcePosition {
  if (row !== null) return { state: 'present', revision: row.revision }
  return deletion === null ? { state: 'absent' } : { state: 'deleted', revision: deletion.revision }
}

export type Comparison =
  | { readonly outcome: 'same' }
  | {
      readonly outcome: 'different'
      readonly kind: Exclude<DivergenceKind, 'parked'>
      readonly reason: string
      readonly differences: readonly FieldDifference[]
    }

export type Judgement =
  | { readonly outcome: 'fine' }
  | { readonly outcome: 'again'; readonly reason: string }
  | Extract<Comparison, { readonly outcome: 'different' }>

/** How one store shows a record. */
export interface View {
  readonly record: RecordSpecification
  readonly projection: Projection
  readonly revisionField: string
  readonly dialect: Dialect
}

/** How each store of a lane shows a record. */
export function viewsOf(
  { record, projections }: Pick<Specification, 'record' | 'projections'>,
  { stores }: Pick<LaneSpecification, 'stores'>,
): ReadonlyMap<string, View> {
  return new Map(
    Object.entries(stores).map(([store, { projection, revisionField, kind }]) => [
      store,
      {
        record,
        projection: projections[projection] ?? {},
        revisionField,
        dialect: kind === 'clickhouse' ? 'warehouse' : 'document',
      },
    ]),
  )
}

/** Compares what a store holds with one row, as if nothing moved. */
export function compareWithRow(view: View, row: SourceRow, held: Held): Comparison {
  switch (held.state) {
    case 'absent':
      return { outcome: 'different', kind: 'missing', reason: 'the store does not hold it', differences: [] }
    case 'unreadable':
      return { outcome: 'different', kind: 'corrupt', reason: held.reason, differences: [] }
    case 'present': {
      const found = differences(view.record, view.projection, row, held.fields, view.dialect)
      if (found.length === 0) return { outcome: 'same' }
      const revision = revisionOf(view, held)
      if (revision === undefined) {
        return { outcome: 'different', kind: 'corrupt', reason: 'its revision cannot be read', differences: found }
      }
      if (revision < row.revision) {
        const behind = `the store holds revision ${revision}, the source ${row.revision}`
        return { outcome: 'different', kind: 'stale', reason: behind, differences: found }
      }
      const reason =
        revision === row.revision
          ? `revision ${revision} with other values`
          : `the store holds revision ${revision}, which the source (${row.revision}) never had`
      return { outcome: 'different', kind: 'corrupt', reason, differences: found }
    }
  }
}

export interface Evidence {
  /** The source, read before the watermark that the caller then waited for. */
  readonly before: SourceState<RowPosition>
  /** The store, read after the wait. */
  readonly held: Held
  /** The source, read after the store. */
  readonly after: SourceState<SourceRow>
  /** Whether the lane promises that after the wait the store holds `before` or something newer. */
  readonly settlesBy: 'log' | 'bounded'
  /** Without a record of deletions, a key that came and went between two looks cannot be told from a phantom. */
  readonly deletionsKnown: boolean
  /** How often this key was already judged `again`. */
  readonly looksBefore: number
}

export function judge(view: View, evidence: Evidence): Judgement {
  const { before, held, after } = evidence
  if (before.row === null && after.row === null) return judgeAbsent(evidence)
  if (before.row !== null && after.row !== null) return judgePresent(view, evidence, before.row, after.row)
  // It came or went while we looked: nothing held, or something of the row's own time, is what may be seen.
  if (held.state === 'absent') return { outcome: 'fine' }
  if (before.row === null && after.row !== null) {
    const revision = revisionOf(view, held)
    if (revision !== undefined && revision <= after.row.revision) {
      return revision < after.row.revision ? { outcome: 'fine' } : fineIfSame(view, after.row, held)
    }
  }
  return { outcome: 'again', reason: 'the row came or went while it was looked at' }
}

function judgeAbsent({ before, held, after, deletionsKnown, looksBefore }: Evidence): Judgement {
  if (held.state === 'absent') return { outcome: 'fine' }
  if (!isSameDeletion(before.deletion, after.deletion)) {
    return { outcome: 'again', reason: 'the row was deleted while it was looked at' }
  }
  if (after.deletion !== null) {
    const reason = `deleted at revision ${after.deletion.revision}, but the store still or again holds it`
    return { outcome: 'different', kind: 'resurrected', reason, differences: [] }
  }
  if (!deletionsKnown && looksBefore === 0) {
    return { outcome: 'again', reason: 'without a table of deletions, a key that the source lacks needs two looks' }
  }
  return { outcome: 'different', kind: 'phantom', reason: 'the source never held it', differences: [] }
}

function judgePresent(view: View, evidence: Evidence, before: RowPosition, after: SourceRow): Judgement {
  const { held, settlesBy } = evidence
  if (after.revision === before.revision) {
    const comparison = compareWithRow(view, after, held)
    return comparison.outcome === 'same' ? { outcome: 'fine' } : comparison
  }
  const moved = { outcome: 'again', reason: 'the row changed while it was looked at' } as const
  // A lower revision than before is another row under the same key: it was deleted and made again. A higher one may be
  // as well, so the store may rightly have held nothing in between.
  if (after.revision < before.revision || held.state !== 'present') return moved
  const revision = revisionOf(view, held)
  if (revision === undefined || revision > after.revision) return moved
  if (revision === after.revision) return fineIfSame(view, after, held)
  if (revision >= before.revision) return { outcome: 'fine' }
  if (settlesBy === 'bounded') return moved
  const comparison = compareWithRow(view, after, held)
  return comparison.outcome === 'same' ? { outcome: 'fine' } : comparison
}

function fineIfSame(view: View, row: SourceRow, held: Held): Judgement {
  return compareWithRow(view, row, held).outcome === 'same'
    ? { outcome: 'fine' }
    : { outcome: 'again', reason: 'the row changed while it was looked at' }
}

function revisionOf(view: View, held: Held): number | undefined {
  return held.state === 'present' ? readRevision(held.fields[view.revisionField], view.dialect) : undefined
}

function isSameDeletion(one: Deletion | null, other: Deletion | null): boolean {
  return one?.revision === other?.revision && one?.deletedAtMs === other?.deletedAtMs
}
