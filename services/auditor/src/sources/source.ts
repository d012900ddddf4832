/**
 * A system of record, whatever it is made of: rows in key order, rows by key, deletions, the clock, and a mark in the
 * log by which one can tell that the sinks were given what it shows.
 */
import type { RowPosition, SourceState } from '../judge.ts'
import type { SourceRow } from '../projection.ts'
import { columnType, type RecordSpecification } from '../specification.ts'
import { fromSourceText, type Json } from '../values.ts'

export interface Page {
  readonly rows: readonly SourceRow[]
  /** How much text was read, to size the next page by. */
  readonly characters: number
}

/** What is missing `forGood` will not come, however long one waits. */
export type Answer = 'reached' | { readonly missing: string; readonly forGood?: true }

export interface Watermark {
  /** In the log of the source, for people. */
  readonly position: string
  /** Whether the topic that the sinks read holds everything up to it. */
  reached(): Promise<Answer>
}

/** Where in the order of changes one stands: behind a change, or, without a key, at the beginning of a moment. */
export type ChangePlace =
  | { readonly sinceMs: number }
  /** `at` is the source's own text of the time, so that no digit is lost. */
  | { readonly at: string; readonly key: string }

export interface Change {
  readonly key: string
  readonly revision: number
  readonly at: string
  readonly atMs: number
}

export type ChangedTable = 'rows' | 'deletions'

export interface Source {
  /** The largest key now, where a walk in key order may end; null when there is no row. */
  lastKey(): Promise<string | null>
  page(after: string | null, upTo: string, size: number): Promise<Page>
  /** The rows and deletions of these keys as they are now; every key is in the answer. */
  rows(keys: readonly string[]): Promise<ReadonlyMap<string, SourceState<SourceRow>>>
  /** The same without values, for many keys at once. */
  positions(keys: readonly string[]): Promise<ReadonlyMap<string, SourceState<RowPosition>>>
  /** Which of these keys have a row. */
  existing(keys: readonly string[]): Promise<ReadonlySet<string>>
  /**
   * What changed last, in the order of the source's times, which is not the order of the commits. Without a record of
   * deletions there are none.
   *
   * @throws {TypeError} when the specification does not say when a row changed.
   */
  changes(table: ChangedTable, from: ChangePlace, limit: number): Promise<readonly Change[]>
  clockMs(): Promise<number>
  /** Marks a place in the log behind which everything lies that was visible before the call. */
  watermark(): Promise<Watermark>
  close(): Promise<void>
}

/** The values of a row by column, each as PostgreSQL writes it as text. */
export type TextValues = (column: string) => string | null

/** Every column of the record in its canonical form. @throws {UnreadableValueError} */
export function rowValues(record: RecordSpecification, textOf: TextValues): Readonly<Record<string, Json>> {
  return Object.fromEntries(
    columnsOf(record).map((column): [string, Json] => {
      const type = columnType(record, column)
      if (type === undefined) throw new TypeError(`The record has no column ${column}`)
      return [column, fromSourceText(type, textOf(column))]
    }),
  )
}

export function columnsOf(record: RecordSpecification): readonly string[] {
  return [record.key.column, record.revision, ...Object.keys(record.columns)]
}

/** @throws {TypeError} when it cannot be told from its neighbours. */
export function checkedRevision(key: string, text: string | null | undefined): number {
  const revision = Number(text ?? Number.NaN)
  if (Number.isSafeInteger(revision)) return revision
  throw new TypeError(`The source's revision of ${key} is ${text ?? 'null'}: no whole number below 2^53`)
}
