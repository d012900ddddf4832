/**
 * What a store ought to hold for a row, by the specification's projection, and where what it does hold differs.
 *
 * Pure. Only the fields that the projection names are compared: a store may hold more (a flag, a version) without
 * being wrong.
 */
import { columnType, type Projection, type RecordSpecification } from './specification.ts'
import { agrees, type Dialect, type Json, type ValueType } from './values.ts'

/** A row of the source, each value in its canonical form. */
export interface SourceRow {
  readonly key: string
  readonly revision: number
  /** When it last changed, in ms since 1970 by the database's clock; null when the specification does not say. */
  readonly changedAtMs: number | null
  readonly values: Readonly<Record<string, Json>>
}

export interface FieldDifference {
  readonly field: string
  readonly source: Json
  readonly store: unknown
}

interface ExpectedField {
  readonly field: string
  readonly type: ValueType
  readonly value: Json
  readonly each: Projection[string]['each']
}

/** The fields that a store ought to hold, ready to be written as JSON. */
export function expectedFields(
  record: RecordSpecification,
  projection: Projection,
  row: SourceRow,
): Readonly<Record<string, Json>> {
  return Object.fromEntries(expected(record, projection, row).map(({ field, value }) => [field, value]))
}

/** The fields in which a store differs from the source, in the order of the projection. */
export function differences(
  record: RecordSpecification,
  projection: Projection,
  row: SourceRow,
  held: Readonly<Record<string, unknown>>,
  dialect: Dialect,
): readonly FieldDifference[] {
  return expected(record, projection, row)
    .filter(({ field, type, value, each }) => {
      const actual = held[field]
      return each === undefined || !Array.isArray(value)
        ? !agrees(type, value, actual, dialect)
        : !itemsAgree(each, value as readonly Json[], actual, dialect)
    })
    .map(({ field, value }) => ({ field, source: value, store: held[field] ?? null }))
}

function expected(record: RecordSpecification, projection: Projection, row: SourceRow): readonly ExpectedField[] {
  return Object.entries(projection).map(([field, { column, each }]) => {
    const type = columnType(record, column)
    if (type === undefined) throw new TypeError(`The record has no column ${column}`)
    const value = row.values[column] ?? null
    return { field, type, each, value: each === undefined ? value : renamedItems(each, value) }
  })
}

function renamedItems(each: NonNullable<Projection[string]['each']>, value: Json): Json {
  if (!isList(value)) return value
  return value.map((item) =>
    isObject(item)
      ? Object.fromEntries(Object.entries(each).map(([name, { item: from }]) => [name, item[from] ?? null]))
      : item,
  )
}

function itemsAgree(
  each: NonNullable<Projection[string]['each']>,
  value: readonly Json[],
  actual: unknown,
  dialect: Dialect,
): boolean {
  if (!Array.isArray(actual) || actual.length !== value.length) return false
  const items: readonly unknown[] = actual
  return value.every((item, index) => {
    const held = items[index]
    if (!isObject(item) || typeof held !== 'object' || held === null) return false
    const heldFields = held as Readonly<Record<string, unknown>>
    return Object.entries(each).every(([name, { type }]) => agrees(type, item[name] ?? null, heldFields[name], dialect))
  })
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function isObject(value: Json): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
