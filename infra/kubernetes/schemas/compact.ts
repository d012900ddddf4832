/**
 * Makes an API's schema small and strict. Pure.
 *
 * Small: nothing but what decides whether a document is valid, and each part that occurs twice only once. Strict: an
 * object has the fields that its schema names and no others, as the API server says with `--validate=strict`; unless
 * the API keeps unknown fields there (`x-kubernetes-preserve-unknown-fields`).
 */
export type Schema = Readonly<Record<string, unknown>>

export interface CompactSchemas {
  /** By `apiVersion kind`. */
  readonly kinds: Readonly<Record<string, Schema>>
  readonly $defs: Readonly<Record<string, Schema>>
}

const kept = [
  '$ref',
  'type',
  'enum',
  'required',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
] as const

/** A part that is shorter than this costs less than a reference to it. */
const sharedLengthMin = 120

/** @param definitions what the kinds refer to by `#/$defs/…`, under the names that they have there. */
export function compact(
  kinds: Readonly<Record<string, Schema>>,
  definitions: Readonly<Record<string, Schema>> = {},
): CompactSchemas {
  return share(mapValues(kinds, strict), mapValues(definitions, strict))
}

function mapValues<From, To>(values: Readonly<Record<string, From>>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
}

/** Alternatives beside `properties` only add conditions to them, and name no more fields than those speak of. */
const condition = (schema: Schema): Schema => convert(schema, false)
const strict = (schema: Schema): Schema => convert(schema, true)

function convert(schema: Schema, closed: boolean): Schema {
  if (schema['x-kubernetes-int-or-string'] === true) return { type: ['integer', 'string'] }
  const result: Record<string, unknown> = {}
  for (const keyword of kept) {
    const value = schema[keyword]
    if (value !== undefined) result[keyword] = typeof value === 'string' ? localReference(value) : value
  }
  const open = !closed || schema['x-kubernetes-preserve-unknown-fields'] === true
  const { properties, items, additionalProperties, anyOf, oneOf } = schema
  if (isSchema(properties)) {
    result['properties'] = mapValues(properties as Readonly<Record<string, Schema>>, closed ? strict : condition)
    if (!open) result['additionalProperties'] = false
  }
  if (isSchema(additionalProperties)) result['additionalProperties'] = convert(additionalProperties, closed)
  if (isSchema(items)) result['items'] = convert(items, closed)
  // Quantities are one of two, whichever way it is written.
  const alternatives = anyOf ?? oneOf
  if (Array.isArray(alternatives)) {
    const change = isSchema(properties) ? condition : strict
    result['anyOf'] = alternatives.map((member) => change(member as Schema))
  }
  return result
}

/** `…/_definitions.json#/$defs/x` is `#/$defs/x` here; another file of this folder stays as it is. */
function localReference(reference: string): string {
  return reference.includes('_definitions.json') ? reference.slice(reference.indexOf('#')) : reference
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The schemas that stand directly inside another. */
function mapParts(schema: Schema, change: (part: Schema) => Schema): Schema {
  const { properties, items, additionalProperties, anyOf } = schema
  return {
    ...schema,
    ...(isSchema(properties) ? { properties: mapValues(properties as Readonly<Record<string, Schema>>, change) } : {}),
    ...(isSchema(items) ? { items: change(items) } : {}),
    ...(isSchema(additionalProperties) ? { additionalProperties: change(additionalProperties) } : {}),
    ...(Array.isArray(anyOf) ? { anyOf: anyOf.map((part) => change(part as Schema)) } : {}),
  }
}

/** Gives each part that occurs more than once a name, and mentions it by that. */
function share(kinds: Readonly<Record<string, Schema>>, definitions: Readonly<Record<string, Schema>>): CompactSchemas {
  const occurrences = new Map<string, number>()
  const count = (part: Schema): Schema => {
    const text = JSON.stringify(part)
    const before = occurrences.get(text) ?? 0
    occurrences.set(text, before + 1)
    // The parts of a repeated part are repeated with it, and need no names of their own for that.
    return before === 0 ? mapParts(part, count) : part
  }
  const names = new Map<string, string>()
  const $defs: Record<string, Schema> = {}
  const named = (part: Schema): Schema => {
    const text = JSON.stringify(part)
    if (text.length < sharedLengthMin || (occurrences.get(text) ?? 0) < 2) return mapParts(part, named)
    let name = names.get(text)
    if (name === undefined) {
      name = `shared-${names.size + 1}`
      names.set(text, name)
      $defs[name] = mapParts(part, named)
    }
    return { $ref: `#/$defs/${name}` }
  }
  for (const schema of [...Object.values(kinds), ...Object.values(definitions)]) mapParts(schema, count)
  const shared = mapValues(kinds, (schema) => mapParts(schema, named))
  return { kinds: shared, $defs: { ...mapValues(definitions, (schema) => mapParts(schema, named)), ...$defs } }
}
