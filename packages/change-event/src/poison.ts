/** What every format's decoder builds on: the refusal with its reason, and JSON that is read without guessing. */
import { isUtf8 } from 'node:buffer'
import type { PoisonReason, Row } from './change-event.ts'

/** Thrown inside this package only: `decode` turns it into an answer. */
export class Poison extends Error {
  readonly reason: PoisonReason
  constructor(reason: PoisonReason, message: string) {
    super(message)
    this.reason = reason
  }
}

export function parseObject(bytes: Buffer, reason: PoisonReason, what: string): Row {
  const text = parseText(bytes, reason, what)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Poison(reason, `${what} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!isRow(value)) throw new Poison(reason, `${what} is not a JSON object`)
  return value
}

export function parseText(bytes: Buffer, reason: PoisonReason, what: string): string {
  if (!isUtf8(bytes)) throw new Poison(reason, `${what} is not UTF-8 text`)
  return bytes.toString('utf8')
}

export function rowIn(envelope: Row, field: string, hint = ''): Row {
  const row = envelope[field]
  if (isRow(row)) return row
  throw new Poison('row-missing', `The record lacks its row: ${field} is no JSON object${hint}`)
}

/** In PostgreSQL's words; MariaDB and MySQL call the schema a database. */
export interface Table {
  readonly schema: string
  readonly name: string
}

export function checkTable(schema: unknown, name: unknown, expected: Table): void {
  if (schema === expected.schema && name === expected.name) return
  throw new Poison(
    'table-unexpected',
    `The change is of table ${textOf(schema)}.${textOf(name)}, not of ${expected.schema}.${expected.name}`,
  )
}

/** The key decides partition and order; a row of another key under it would be ordered against the wrong changes. */
export function checkKey(key: Row, row: Row): void {
  for (const column in key) {
    if (key[column] !== row[column]) {
      throw new Poison('key-mismatch', `Column ${column} of the key is not the one of the row`)
    }
  }
}

/** No number may have lost digits on its way through JSON. */
export function checkExact(row: Row): void {
  for (const column in row) {
    const value = row[column]
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw new Poison('number-inexact', `Column ${column} holds a number beyond 2^53, which JSON cannot carry exactly`)
    }
  }
}

/** A name as it is; anything else that stands in its place as JSON, since not everything can be made text. */
function textOf(name: unknown): string {
  return typeof name === 'string' ? name : describe(name)
}

export function describe(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value)
}

export function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
