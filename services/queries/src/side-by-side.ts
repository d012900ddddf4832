/**
 * One order as each store of a lane has it, side by side, and where each differs from the system of record. Pure.
 *
 * What differs is decided by the auditor's own comparison. Every store is shown in the fields of the document, the
 * warehouse too, so that an eye can go along a row. It is one look: a difference may be a change that is on its way, which
 * only the auditor tells from one that stays.
 */
import {
  columnType,
  expectedFields,
  readRevision,
  statusOf,
  viewsOf,
  type Projection,
  type SourceRow,
  type SourceState,
  type Specification,
  type Status,
  type View,
} from '@driftlab/auditor'
import { asOf, asOfStored, type AsOf } from './as-of.ts'
import { sourceOf, type Lane, type SourceName } from './lanes.ts'
import type { DerivedStoreName } from './stores/failure.ts'
import type { Found } from './stores/redis.ts'

/** What came of asking a store. */
export type Reading<Value> =
  { readonly outcome: 'read'; readonly value: Value } | { readonly outcome: 'down'; readonly reason: string }

export interface Readings {
  readonly record: Reading<SourceState<SourceRow>>
  readonly stores: Readonly<Record<DerivedStoreName, Reading<Found>>>
}

type Fields = Readonly<Record<string, unknown>>

export interface Shown {
  /** `deleted` is only known of the system of record; a derived store that holds nothing is `absent`. */
  readonly state: 'present' | 'absent' | 'deleted' | 'unreadable' | 'down'
  readonly asOf: AsOf | null
  readonly order: Fields | null
  /** How it differs from the system of record; null when it does not, or when that cannot be told. */
  readonly divergence: Exclude<Status['status'], 'same'> | null
  /** The fields that do. */
  readonly differs: readonly string[]
  readonly reason: string | null
}

export interface SideBySide {
  /** Null when a store is down and no other differs. */
  readonly consistent: boolean | null
  /** Which of them is the system of record. */
  readonly source: SourceName
  readonly stores: Readonly<Record<DerivedStoreName, Shown> & Partial<Record<SourceName, Shown>>>
}

/** @returns undefined when every store answers, and none has ever heard of the order. */
export function sideBySide(
  lane: Lane,
  specification: Specification,
  { record, stores }: Readings,
  nowMs: number,
): SideBySide | undefined {
  const described = specification.lanes[lane.name]
  if (described === undefined) throw new TypeError(`The specification has no lane ${lane.name}`)
  const views = viewsOf(specification, described)
  const documentProjection = specification.projections['document'] ?? {}
  const shownStore = (store: DerivedStoreName): Shown => {
    const view = views.get(store)
    if (view === undefined) throw new TypeError(`The specification has no store ${store}`)
    return showStore(lane, view, documentProjection, record, stores[store], nowMs)
  }
  const shown = {
    redis: shownStore('redis'),
    elasticsearch: shownStore('elasticsearch'),
    clickhouse: shownStore('clickhouse'),
  }
  const source = sourceOf(lane)
  const all = { [source]: showRecord(specification, documentProjection, record, nowMs), ...shown }
  const states = Object.values(all).map(({ state }) => state)
  if (states.every((state) => state === 'absent')) return undefined
  const differing = Object.values(shown).some(({ divergence }) => divergence !== null)
  return { consistent: differing ? false : states.includes('down') ? null : true, source, stores: all }
}

const nothing = { asOf: null, order: null, divergence: null, differs: [], reason: null } as const

function showRecord(
  { record: described }: Specification,
  projection: Projection,
  reading: Readings['record'],
  nowMs: number,
): Shown {
  if (reading.outcome === 'down') return { ...nothing, state: 'down', reason: reading.reason }
  const { row, deletion } = reading.value
  if (row !== null) {
    const order = expectedFields(described, projection, row)
    return {
      ...nothing,
      state: 'present',
      asOf: asOf('revision', { version: row.revision, at: order['updatedAt'] }, nowMs),
      order,
    }
  }
  if (deletion === null) return { ...nothing, state: 'absent' }
  const at = new Date(deletion.deletedAtMs).toISOString()
  return { ...nothing, state: 'deleted', asOf: asOf('revision', { version: deletion.revision, at }, nowMs) }
}

function showStore(
  lane: Lane,
  view: View,
  documentProjection: Projection,
  record: Readings['record'],
  reading: Reading<Found>,
  nowMs: number,
): Shown {
  if (reading.outcome === 'down') return { ...nothing, state: 'down', reason: reading.reason }
  const { held, version } = reading.value
  const { status, reason, differences }: Status =
    record.outcome === 'down' ? { status: 'same', reason: null, differences: [] } : statusOf(record.value, view, held)
  const names = documentNames(view.projection, documentProjection)
  const compared = {
    divergence: status === 'same' ? null : status,
    differs: differences.map(({ field }) => names.get(field) ?? field),
    reason,
  }
  switch (held.state) {
    case 'absent':
      return { ...nothing, ...compared, state: 'absent' }
    case 'unreadable':
      return {
        ...nothing,
        ...compared,
        state: 'unreadable',
        reason: held.excerpt === '' ? held.reason : `${held.reason}: ${held.excerpt}`,
      }
    case 'present': {
      const order = inDocumentFields(view, names, held.fields)
      return { ...compared, state: 'present', asOf: asOfStored(lane, { version, fields: order }, nowMs), order }
    }
  }
}

/** A row of the warehouse under the names and in the forms of the document. */
export function inDocumentForm({ record, projections }: Specification, row: Fields): Fields {
  const projection = projections['warehouse'] ?? {}
  const view: View = { record, projection, revisionField: record.revision, dialect: 'warehouse' }
  return inDocumentFields(view, documentNames(projection, projections['document'] ?? {}), row)
}

/** The document's name of each field of a projection: the one that takes the same column. */
function documentNames(projection: Projection, documentProjection: Projection): ReadonlyMap<string, string> {
  const byColumn = new Map(Object.entries(documentProjection).map(([field, { column }]) => [column, field]))
  return new Map(Object.entries(projection).map(([field, { column }]) => [field, byColumn.get(column) ?? field]))
}

/** What a store holds in the fields that count, under the document's names. */
function inDocumentFields(
  { record, projection, dialect }: View,
  names: ReadonlyMap<string, string>,
  fields: Fields,
): Fields {
  const plain = (value: unknown): unknown =>
    dialect === 'warehouse' && typeof value === 'string' ? (readRevision(value, dialect) ?? value) : value
  const item = (value: unknown, each: Projection[string]['each']): unknown =>
    each === undefined || typeof value !== 'object' || value === null
      ? value
      : Object.fromEntries(
          Object.entries(value).map(([name, part]) => {
            const described = each[name]
            return [described?.item ?? name, described?.type.type === 'integer' ? plain(part) : part]
          }),
        )
  return Object.fromEntries(
    Object.entries(projection)
      .filter(([field]) => fields[field] !== undefined)
      .map(([field, { column, each }]) => {
        const value = fields[field]
        const shown = Array.isArray(value) ? value.map((part) => item(part, each)) : value
        return [names.get(field) ?? field, columnType(record, column)?.type === 'integer' ? plain(shown) : shown]
      }),
  )
}
