/**
 * Values in one canonical form, so that what PostgreSQL holds can be compared with what a store of another kind holds.
 *
 * The form of a value depends on its column's type alone: text, JSON and booleans as they are, a whole number as a
 * JavaScript number (as decimal text beyond 2^53 - 1), a decimal as text without needless zeros, a time as RFC 3339 in
 * UTC with exactly the digits that its column keeps. Two values agree when their canonical forms are deeply equal.
 *
 * It knows no store and no client: how a store writes numbers reaches it as a `Dialect`.
 */
import { isDeepStrictEqual } from 'node:util'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

export type ValueType =
  | { readonly type: 'text' }
  | { readonly type: 'integer' }
  | { readonly type: 'decimal' }
  | { readonly type: 'boolean' }
  | { readonly type: 'json' }
  | { readonly type: 'timestamp'; readonly fractionDigits: number }

/** Whether a store writes whole numbers as JSON numbers (documents) or may quote them (ClickHouse's 64-bit columns). */
export type Dialect = 'document' | 'warehouse'

/** The value cannot be read as its type: in the source a fault of the specification, in a store a divergence. */
export class UnreadableValueError extends Error {
  override readonly name = 'UnreadableValueError'
}

/** A value of the source, in PostgreSQL's text form, as its canonical form. @throws {UnreadableValueError} */
export function fromSourceText(type: ValueType, text: string | null): Json {
  if (text === null) return null
  switch (type.type) {
    case 'text':
      return text
    case 'integer':
      return canonicalInteger(text)
    case 'decimal':
      return canonicalDecimal(text)
    case 'boolean':
      if (text === 't' || text === 'f') return text === 't'
      throw new UnreadableValueError(`${quoted(text)} is no boolean`)
    case 'json':
      return JSON.parse(text) as Json
    case 'timestamp':
      return canonicalTimestamp(text, type.fractionDigits)
  }
}

/** Whether a store's value says the same as the source's canonical one. A field that is absent says the same as null. */
export function agrees(type: ValueType, expected: Json, actual: unknown, dialect: Dialect): boolean {
  if (actual === undefined || actual === null) return expected === null
  if (expected === null) return false
  switch (type.type) {
    case 'text':
    case 'boolean':
      return (
        actual === expected || (dialect === 'warehouse' && typeof expected === 'boolean' && actual === Number(expected))
      )
    case 'json':
      return isDeepStrictEqual(actual, expected)
    case 'integer':
      return integerAgrees(expected, actual, dialect)
    case 'decimal':
      if (typeof actual !== 'string' && typeof actual !== 'number') return false
      return attempt(() => canonicalDecimal(String(actual))) === expected
    case 'timestamp':
      if (typeof actual !== 'string') return false
      return actual === expected || attempt(() => canonicalTimestamp(actual, type.fractionDigits)) === expected
  }
}

/** A store's revision as a number, or undefined when it holds none that can be read. */
export function readRevision(value: unknown, dialect: Dialect): number | undefined {
  const number = typeof value === 'string' && dialect === 'warehouse' && /^-?\d+$/.test(value) ? Number(value) : value
  return Number.isSafeInteger(number) ? (number as number) : undefined
}

function integerAgrees(expected: Json, actual: unknown, dialect: Dialect): boolean {
  if (typeof actual === 'number') {
    // A document's number beyond 2^53 has already lost its last digits on the way here: compare what is left.
    return Number.isSafeInteger(actual)
      ? actual === expected
      : typeof expected === 'string' && Number(expected) === actual
  }
  return dialect === 'warehouse' && typeof actual === 'string' && attempt(() => canonicalInteger(actual)) === expected
}

function canonicalInteger(text: string): number | string {
  if (!/^-?\d+$/.test(text)) throw new UnreadableValueError(`${quoted(text)} is no whole number`)
  const number = Number(text)
  return Number.isSafeInteger(number) ? number + 0 : BigInt(text).toString()
}

const decimalPattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/

function canonicalDecimal(text: string): string {
  const match = decimalPattern.exec(text)
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match ?? []
  if (match === null || whole + fraction === '') throw new UnreadableValueError(`${quoted(text)} is no decimal number`)
  const digits = whole + fraction
  const point = whole.length + Number(exponentText)
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0')
  const split = Math.max(point, 1)
  const integral = padded.slice(0, split).replace(/^0+(?=\d)/, '')
  const decimals = padded.slice(split).replace(/0+$/, '')
  const magnitude = decimals === '' ? integral : `${integral}.${decimals}`
  return sign === '-' && magnitude !== '0' ? `-${magnitude}` : magnitude
}

const timestampPattern =
  /^(\d{4,6})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\s?(?:(Z|z)|([+-])(\d\d)(?::?(\d\d))?)?$/

/** A time without an offset is in UTC. More digits than the column keeps are a difference only if they are not zero. */
function canonicalTimestamp(text: string, fractionDigits: number): string {
  const match = timestampPattern.exec(text)
  if (match === null) throw new UnreadableValueError(`${quoted(text)} is no time`)
  const [, year, month, day, hour, minute, second, fraction = '', , sign, offsetHours = '00', offsetMinutes = '00'] =
    match
  const local = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  const offsetMs = (sign === '-' ? -1 : 1) * (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000
  const utc = new Date(local - offsetMs)
  if (Number.isNaN(utc.getTime())) throw new UnreadableValueError(`${quoted(text)} is no time`)
  const padded = fraction.padEnd(fractionDigits, '0')
  const beyond = padded.slice(fractionDigits)
  const kept = padded.slice(0, fractionDigits) + (/[1-9]/.test(beyond) ? beyond.replace(/0+$/, '') : '')
  return `${utc.toISOString().slice(0, -5)}${kept === '' ? '' : `.${kept}`}Z`
}

function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof UnreadableValueError) return undefined
    throw error
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text)
}
