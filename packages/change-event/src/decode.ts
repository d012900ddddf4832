/**
 * Turns one record of Debezium's PostgreSQL connector (JSON converter, with or without schemas) into a change event.
 *
 * Invariant: it never throws and never guesses. Whatever the bytes, the answer is a change whose rows are whole and
 * exact, a tombstone, or poison with the reason. It knows nothing of any table's columns.
 */
import { isUtf8 } from 'node:buffer'
import type { ChangeEvent, Decoded, PoisonReason, Position, Row, Source } from './change-event.ts'
import { lsnFromNumber } from './lsn.ts'
import { versionOf } from './version.ts'

export interface EncodedRecord extends Position {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

export interface DecodeOptions {
  /** The one table whose changes the topic may hold. */
  readonly table: { readonly schema: string; readonly name: string }
  readonly epoch: number
}

/** What Debezium sends for a column whose value it could not see: an unchanged TOASTed one, without full identity. */
const unavailable = '__debezium_unavailable_value'
const unavailableBytes = Buffer.from(unavailable)

class Poison extends Error {
  readonly reason: PoisonReason
  constructor(reason: PoisonReason, message: string) {
    super(message)
    this.reason = reason
  }
}

/** @throws {RangeError} only when `options.epoch` is not an epoch. */
export function decode(record: EncodedRecord, options: DecodeOptions): Decoded {
  const version = versionOf(options.epoch, record.offset)
  try {
    const key = decodeKey(record.key)
    if (record.value === null) return { type: 'tombstone' }
    const envelope = withoutSchema(parseObject(record.value, 'value-malformed', 'The value'))
    const source = decodeSource(envelope, options.table)
    const position = { topic: record.topic, partition: record.partition, offset: record.offset }
    const change = toChange(envelope, { position, version, source })
    checkKey(key, change)
    checkRows(record.value, change)
    return { type: 'change', change }
  } catch (error) {
    if (error instanceof Poison) return { type: 'poison', reason: error.reason, message: error.message }
    throw error
  }
}

function decodeKey(bytes: Buffer | null): Row {
  if (bytes === null) throw new Poison('key-missing', 'The record has no key, so its changes have no order')
  const key = withoutSchema(parseObject(bytes, 'key-malformed', 'The key'))
  if (Object.keys(key).length === 0) throw new Poison('key-malformed', 'The key names no column')
  return key
}

function parseObject(bytes: Buffer, reason: PoisonReason, what: string): Row {
  if (!isUtf8(bytes)) throw new Poison(reason, `${what} is not UTF-8 text`)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new Poison(reason, `${what} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!isRow(value)) throw new Poison(reason, `${what} is not a JSON object`)
  return value
}

/** With schemas enabled the converter wraps everything in `{schema, payload}`. */
function withoutSchema(value: Row): Row {
  return 'payload' in value && 'schema' in value && isRow(value['payload']) ? value['payload'] : value
}

function decodeSource(envelope: Row, table: DecodeOptions['table']): Source {
  const source = envelope['source']
  if (!isRow(source)) throw new Poison('envelope-malformed', 'The value has no source: not an envelope of Debezium')
  if (source['schema'] !== table.schema || source['table'] !== table.name) {
    throw new Poison(
      'table-unexpected',
      `The change is of table ${String(source['schema'])}.${String(source['table'])}, not of ${table.schema}.${table.name}`,
    )
  }
  return { lsn: decodeLsn(source['lsn']), txId: decodeTxId(source['txId']), committedAtMs: decodeCommitTime(source) }
}

function decodeLsn(value: unknown): Source['lsn'] {
  if (value === null || value === undefined) return null
  if (!isCount(value)) throw new Poison('envelope-malformed', 'source.lsn is not a whole number')
  return lsnFromNumber(value)
}

function decodeTxId(value: unknown): number | null {
  if (value === null || value === undefined) return null
  if (!isCount(value)) throw new Poison('envelope-malformed', 'source.txId is not a whole number')
  return value
}

function decodeCommitTime(source: Row): number {
  const { ts_us: micros, ts_ms: millis } = source
  if (isCount(micros)) return micros / 1_000
  if (isCount(millis)) return millis
  throw new Poison('envelope-malformed', 'source has neither ts_us nor ts_ms as a whole number')
}

function toChange(envelope: Row, common: Pick<ChangeEvent, 'position' | 'version' | 'source'>): ChangeEvent {
  const operation = envelope['op']
  switch (operation) {
    case 'r':
      return { kind: 'snapshot', ...common, after: rowOf(envelope, 'after') }
    case 'c':
      return { kind: 'insert', ...common, after: rowOf(envelope, 'after') }
    case 'u': {
      const before = envelope['before']
      return { kind: 'update', ...common, before: isRow(before) ? before : null, after: rowOf(envelope, 'after') }
    }
    case 'd':
      return { kind: 'delete', ...common, before: rowOf(envelope, 'before') }
    default:
      throw new Poison('operation-unknown', `The operation is ${describe(operation)}, not one of r, c, u, d`)
  }
}

function rowOf(envelope: Row, side: 'before' | 'after'): Row {
  const row = envelope[side]
  if (!isRow(row)) {
    const hint = side === 'before' ? '; set the replica identity of its table to full' : ''
    throw new Poison('row-missing', `A change of kind ${String(envelope['op'])} lacks its row ${side}${hint}`)
  }
  return row
}

/** The key decides partition and order; a row of another key under it would be ordered against the wrong changes. */
function checkKey(key: Row, change: ChangeEvent): void {
  const row = change.kind === 'delete' ? change.before : change.after
  for (const column in key) {
    if (key[column] !== row[column]) {
      throw new Poison('key-mismatch', `Column ${column} of the key is not the one of the row`)
    }
  }
}

/** Rows must be whole (no placeholder) and exact (no number that lost digits on its way through JSON). */
function checkRows(bytes: Buffer, change: ChangeEvent): void {
  const row = change.kind === 'delete' ? change.before : change.after
  const mayBeUnavailable = bytes.includes(unavailableBytes)
  for (const column in row) {
    const value = row[column]
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw new Poison('number-inexact', `Column ${column} holds a number beyond 2^53, which JSON cannot carry exactly`)
    }
    if (mayBeUnavailable && value === unavailable) {
      throw new Poison(
        'value-unavailable',
        `Column ${column} was not in the log; set the replica identity of its table to full`,
      )
    }
  }
}

function describe(operation: unknown): string {
  return operation === undefined ? 'missing' : JSON.stringify(operation)
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
