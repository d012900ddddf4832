/**
 * What to compare, as data: one kind of record, the lanes that carry it, and how each derived store shows it.
 *
 * The auditor knows nothing of orders; everything it knows of a pipeline is in such a document, so that it can audit
 * another pipeline without a change to its code. README.md explains every field.
 */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { ValueType } from './values.ts'

/** The specification of this repository's own lanes. */
export const ordersSpecificationPath = new URL('../specifications/orders.json', import.meta.url).pathname

const identifier = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a plain SQL name')
const tableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$/, 'must be a table: `table` or `schema.table`')

const plainType = z.enum(['text', 'integer', 'decimal', 'boolean', 'json'])
const valueType = z.union([
  plainType.transform((type): ValueType => ({ type })),
  z.strictObject({ type: plainType }).transform((type): ValueType => type),
  z
    .strictObject({ type: z.literal('timestamp'), fractionDigits: z.int().min(0).max(9) })
    .transform((type): ValueType => type),
])

/** A field of a projection: the column of the same value, or a JSON array whose items have other names there. */
const projectedField = z.union([
  z.string().transform((column) => ({ column, each: undefined })),
  z.strictObject({
    column: z.string(),
    each: z.record(z.string(), z.strictObject({ item: z.string(), type: valueType })).optional(),
  }),
])

const shared = {
  projection: z.string(),
  /** The field of the projection that holds the source's revision. */
  revisionField: z.string(),
}

const storeSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('redis-hash'),
    ...shared,
    key: z
      .string()
      .refine((pattern) => pattern.split('{key}').length === 2, 'must contain {key} once, such as orders:{key}'),
    /** A key that, once it exists, holds what stands before `{key}` instead: the prefix of the current generation. */
    prefixKey: z.string().optional(),
    /** The field of the hash with the document as JSON; a hash without it holds nothing. */
    field: z.string(),
  }),
  z.strictObject({
    kind: z.literal('elasticsearch'),
    ...shared,
    /** An index, or an alias of exactly one. */
    index: z.string(),
    /** The boolean field that marks a document as deleted, so that readers do not see it. */
    deletedField: z.string().optional(),
  }),
  z.strictObject({
    kind: z.literal('clickhouse'),
    ...shared,
    /** A table or view with at most one row a key: a view with FINAL, say. */
    relation: tableName,
    key: identifier,
  }),
])

const settlesSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('log'),
    /** The replication slot whose consumer writes the topic; a lane whose truth is a log has none. */
    slot: z.string().optional(),
    topic: z.string(),
    sinks: z.record(z.string(), z.strictObject({ group: z.string(), deadLetters: z.string().optional() })),
  }),
  z.strictObject({
    kind: z.literal('bounded'),
    /** A row that last changed longer ago than this, by the database's clock, has no write in flight. */
    inFlightMaxMs: z.int().min(0),
  }),
])

const laneSchema = z.strictObject({
  /** The system of record: this, or an event log. */
  table: tableName.optional(),
  deletions: z
    .strictObject({ table: tableName, key: identifier, revision: identifier, deletedAt: identifier })
    .optional(),
  eventLog: z.strictObject({ topic: z.string(), fold: z.string() }).optional(),
  /** Audited only when it is named, such as a lane that does not always run. */
  onDemand: z.boolean().default(false),
  settles: settlesSchema,
  stores: z.record(z.string(), storeSchema),
})

export const specificationSchema = z
  .strictObject({
    $schema: z.string().optional(),
    specificationVersion: z.literal(1),
    record: z.strictObject({
      key: z.strictObject({ column: identifier, type: z.enum(['uuid', 'text', 'integer']) }),
      revision: identifier,
      /** When the row last changed, by the database's clock; needed by lanes that settle within a bound. */
      changedAt: identifier.optional(),
      columns: z.record(identifier, valueType),
    }),
    projections: z.record(z.string(), z.record(z.string(), projectedField)),
    lanes: z.record(z.string(), laneSchema),
  })
  .superRefine((specification, context) => {
    for (const fault of crossFaults(specification)) context.addIssue({ code: 'custom', ...fault })
  })

export type Specification = z.output<typeof specificationSchema>
export type RecordSpecification = Specification['record']
export type LaneSpecification = z.output<typeof laneSchema>
export type StoreSpecification = z.output<typeof storeSchema>
export type Projection = Specification['projections'][string]
export type Deletions = NonNullable<LaneSpecification['deletions']>
export type KeyType = RecordSpecification['key']['type']

/** The specification cannot be used; the message names the file and every field at fault. */
export class SpecificationError extends Error {
  override readonly name = 'SpecificationError'
}

/** The lanes that are audited when none is named. */
export function usualLanes({ lanes }: Specification): readonly string[] {
  return Object.entries(lanes).flatMap(([name, { onDemand }]) => (onDemand ? [] : [name]))
}

/** Checks a specification that was already read. @throws {SpecificationError} */
export function parseSpecification(document: unknown, origin = 'the specification'): Specification {
  const parsed = specificationSchema.safeParse(document)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(
    (issue) => `  ${issue.path.map(String).join('.') || '(top)'}: ${issue.message}`,
  )
  throw new SpecificationError(`${origin} does not describe an audit:\n${faults.join('\n')}`)
}

/** @throws {SpecificationError} when the file is absent, is not JSON or does not describe an audit. */
export async function readSpecification(path: string): Promise<Specification> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new SpecificationError(`Cannot read the specification ${path}; give another with --spec PATH.`, { cause })
  }
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw new SpecificationError(`${path} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
  return parseSpecification(document, path)
}

/** The type of a column, the key and the revision among them. */
export function columnType(record: RecordSpecification, column: string): ValueType | undefined {
  if (column === record.key.column) return { type: record.key.type === 'integer' ? 'integer' : 'text' }
  if (column === record.revision) return { type: 'integer' }
  return record.columns[column]
}

interface Fault {
  readonly path: string[]
  readonly message: string
}

type Unchecked = Pick<z.output<typeof specificationSchema>, 'record' | 'projections' | 'lanes'>

function* crossFaults({ record, projections, lanes }: Unchecked): Generator<Fault> {
  for (const [name, projection] of Object.entries(projections)) {
    for (const [field, { column, each }] of Object.entries(projection)) {
      const type = columnType(record, column)
      const path = ['projections', name, field]
      if (type === undefined) yield { path, message: `takes column ${column}, which the record does not list` }
      else if (each !== undefined && type.type !== 'json')
        yield { path, message: `renames items of ${column}, which is no json` }
    }
  }
  if (Object.keys(lanes).length === 0) yield { path: ['lanes'], message: 'must name at least one lane' }
  for (const [name, lane] of Object.entries(lanes)) {
    const path = ['lanes', name]
    if (Object.keys(lane.stores).length === 0)
      yield { path: [...path, 'stores'], message: 'must name at least one store' }
    for (const [store, { projection, revisionField }] of Object.entries(lane.stores)) {
      const fields = projections[projection]
      if (fields === undefined) {
        yield { path: [...path, 'stores', store, 'projection'], message: `there is no projection ${projection}` }
      } else if (fields[revisionField]?.column !== record.revision) {
        yield {
          path: [...path, 'stores', store, 'revisionField'],
          message: `${revisionField} must be a field of ${projection} that takes column ${record.revision}`,
        }
      }
    }
    yield* sourceFaults(lane, path)
    yield* settlesFaults(record, lane, [...path, 'settles'])
  }
}

function* sourceFaults({ table, deletions, eventLog, settles }: LaneSpecification, path: string[]): Generator<Fault> {
  if ((table === undefined) === (eventLog === undefined)) {
    yield { path, message: 'needs a system of record: either table or eventLog' }
    return
  }
  const slot = settles.kind === 'log' ? settles.slot : undefined
  if (table !== undefined) {
    if (settles.kind === 'log' && slot === undefined) {
      yield { path: [...path, 'settles', 'slot'], message: 'is missing: which replication slot feeds the topic?' }
    }
    return
  }
  if (deletions !== undefined) yield { path: [...path, 'deletions'], message: 'an event log tells of deletions itself' }
  if (settles.kind !== 'log') yield { path: [...path, 'settles'], message: 'a lane of an event log settles by its log' }
  if (slot !== undefined) yield { path: [...path, 'settles', 'slot'], message: 'an event log has no replication slot' }
}

function* settlesFaults(record: RecordSpecification, lane: LaneSpecification, path: string[]): Generator<Fault> {
  switch (lane.settles.kind) {
    case 'log':
      for (const store of Object.keys(lane.stores)) {
        if (lane.settles.sinks[store] === undefined) {
          yield { path: [...path, 'sinks'], message: `must say which consumer group feeds ${store}` }
        }
      }
      for (const store of Object.keys(lane.settles.sinks)) {
        if (lane.stores[store] === undefined) {
          yield { path: [...path, 'sinks', store], message: 'is no store of this lane' }
        }
      }
      return
    case 'bounded':
      if (record.changedAt === undefined) {
        yield { path, message: 'a lane that settles within a bound needs record.changedAt' }
      }
  }
}
