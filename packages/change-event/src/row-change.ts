/**
 * Rows of a change table that triggers write:
 * `{"operation": "update", "recordedAt": "2026-01-02T03:04:05.678Z", "before": {…}, "after": {…}}` under the row's key.
 */
import type { Content } from './decode.ts'
import { checkRow, decodeKey, sourceOf, type Keyed } from './keyed.ts'
import { describe, parseObject, Poison, rowIn } from './poison.ts'

export interface RowChangeFormat extends Keyed {
  readonly format: 'row-change'
}

/** @throws {Poison} */
export function decodeRowChange(
  keyBytes: Buffer,
  value: Buffer | null,
  format: RowChangeFormat,
): Content | 'tombstone' {
  const key = decodeKey(keyBytes)
  if (value === null) return 'tombstone'
  const record = parseObject(value, 'value-malformed', 'The value')
  const source = sourceOf(record, 'recordedAt')
  const wholeRow = (side: 'before' | 'after') => {
    const row = rowIn(record, side)
    checkRow(key, row, format)
    return row
  }
  const { operation } = record
  switch (operation) {
    case 'insert':
      return { kind: operation, source, after: wholeRow('after') }
    case 'update':
      return { kind: operation, source, before: wholeRow('before'), after: wholeRow('after') }
    case 'delete':
      return { kind: operation, source, before: wholeRow('before') }
    default:
      throw new Poison(
        'operation-unknown',
        `The operation is ${describe(operation)}, not one of insert, update, delete`,
      )
  }
}
