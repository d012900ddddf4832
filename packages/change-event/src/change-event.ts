import type { Lsn } from './lsn.ts'
import type { Offset } from './offset.ts'
import type { Version } from './version.ts'

/** A table's row: column name to value, as JSON carries it. What the columns mean is for the projection to say. */
export type Row = Readonly<Record<string, unknown>>

/** Where a change stands in the log. */
export interface Position {
  readonly topic: string
  readonly partition: number
  readonly offset: Offset
}

/** What the system of record says of the transaction that made a change. */
export interface Source {
  /** Null where there is none: rows that an incremental snapshot read, and whatever is not PostgreSQL's log. */
  readonly lsn: Lsn | null
  readonly txId: number | null
  /**
   * When the transaction committed, by the database's clock, with microseconds after the point; MariaDB's binlog has
   * whole seconds. Of what a transaction wrote about itself (an outbox, a change table): when that was written, a little
   * earlier.
   */
  readonly committedAtMs: number
}

interface Change {
  readonly position: Position
  readonly version: Version
  readonly source: Source
}

/** A row-level change read from a log. */
export type ChangeEvent =
  /** The row was there when the connector first looked. */
  | (Change & { readonly kind: 'snapshot'; readonly after: Row })
  | (Change & { readonly kind: 'insert'; readonly after: Row })
  /** `before` is null unless the table's replica identity is full. */
  | (Change & { readonly kind: 'update'; readonly before: Row | null; readonly after: Row })
  | (Change & { readonly kind: 'delete'; readonly before: Row })

/** Why a record cannot become a change. Parked records carry it, and metrics count by it. */
export const poisonReasons = [
  'key-missing',
  'key-malformed',
  'value-malformed',
  'envelope-malformed',
  'operation-unknown',
  'table-unexpected',
  'row-missing',
  'key-mismatch',
  'value-unavailable',
  'number-inexact',
] as const
export type PoisonReason = (typeof poisonReasons)[number]

export type Decoded =
  | { readonly type: 'change'; readonly change: ChangeEvent }
  /** The null-valued record that ends a key, for compaction's sake. The delete before it has said all there is to say. */
  | { readonly type: 'tombstone' }
  /** It is about the stream and not about any row: where Maxwell's reading of a whole table begins and ends. */
  | { readonly type: 'marker' }
  | { readonly type: 'poison'; readonly reason: PoisonReason; readonly message: string }
