/** What the records that our own relays publish have in common: a plain text key, and JSON that says when it was written. */
import type { Row, Source } from './change-event.ts'
import { checkExact, parseText, Poison } from './poison.ts'

/** The key of a record is the text of this column of its row. */
export interface Keyed {
  readonly keyColumn: string
}

export function decodeKey(bytes: Buffer): string {
  const key = parseText(bytes, 'key-malformed', 'The key')
  if (key === '') throw new Poison('key-malformed', 'The key is empty')
  return key
}

export function checkRow(key: string, row: Row, { keyColumn }: Keyed): void {
  if (row[keyColumn] !== key) {
    throw new Poison('key-mismatch', `Column ${keyColumn} of the row is not the key`)
  }
  checkExact(row)
}

/** When a transaction commits, nothing in it can know; what it wrote says when that was written, which is a little earlier. */
export function sourceOf(record: Row, timeField: string): Source {
  const time = record[timeField]
  const committedAtMs = typeof time === 'string' ? Date.parse(time) : Number.NaN
  if (Number.isNaN(committedAtMs)) throw new Poison('envelope-malformed', `${timeField} is not a time`)
  return { lsn: null, txId: null, committedAtMs }
}
