/**
 * Records of Maxwell, which reads the same binlog as Debezium's connectors for MariaDB and MySQL: the JSON and the keys
 * that its Kafka producer makes by default (`kafka_key_format=hash`).
 *
 * What matters to whoever reads them: an update carries the columns that changed as they were (`old`), so the row before
 * is the row after with those put back. An update of the primary key itself is one record under the new key, where
 * Debezium writes a delete and an insert. A delete is not followed by a tombstone. The start and the end of a bootstrap,
 * which reads a whole table, are records too.
 */
import type { Row, Source } from './change-event.ts'
import type { Content } from './decode.ts'
import {
  checkExact,
  checkKey,
  checkTable,
  describe,
  isCount,
  parseObject,
  Poison,
  rowIn,
  type Table,
} from './poison.ts'

export interface MaxwellFormat {
  readonly format: 'maxwell'
  /** The one table whose changes the topic may hold. */
  readonly table: Table
}

const keyColumnPrefix = 'pk.'

/** @throws {Poison} */
export function decodeMaxwell(
  keyBytes: Buffer,
  value: Buffer | null,
  { table }: MaxwellFormat,
): Content | 'tombstone' | 'marker' {
  if (value === null) return 'tombstone'
  const record = parseObject(value, 'value-malformed', 'The value')
  checkTable(record['database'], record['table'], table)
  const { type } = record
  // They have no row, and so no key that would mean anything.
  if (type === 'bootstrap-start' || type === 'bootstrap-complete') return 'marker'
  const row = rowIn(record, 'data')
  const key = decodeKey(keyBytes, row)
  const content = toContent(type, record, row)
  checkKey(key, row)
  // Whoever follows the old key would never hear that its row is gone.
  if (content.kind === 'update') checkKey(key, content.before ?? row)
  checkExact(row)
  return content
}

/**
 * The columns of the primary key, in whose names Maxwell makes every letter small. A table without one gives every
 * record a key of its own, and so no order.
 */
function decodeKey(bytes: Buffer, row: Row): Row {
  const fields = Object.entries(parseObject(bytes, 'key-malformed', 'The key'))
  const columns = fields.filter(([name]) => name.startsWith(keyColumnPrefix))
  if (columns.length === 0) throw new Poison('key-malformed', 'The key names no column of a primary key')
  return Object.fromEntries(
    columns.map(([field, value]) => {
      const name = field.slice(keyColumnPrefix.length)
      const column = name in row ? name : Object.keys(row).find((candidate) => candidate.toLowerCase() === name)
      return [column ?? name, value]
    }),
  )
}

function toContent(type: unknown, record: Row, row: Row): Content {
  const source = sourceOf(record)
  switch (type) {
    case 'bootstrap-insert':
      return { kind: 'snapshot', source, after: row }
    case 'insert':
      return { kind: 'insert', source, after: row }
    case 'update':
      return { kind: 'update', source, before: { ...row, ...rowIn(record, 'old') }, after: row }
    case 'delete':
      return { kind: 'delete', source, before: row }
    default:
      throw new Poison(
        'operation-unknown',
        `The type is ${describe(type)}, not one of insert, update, delete, bootstrap-insert`,
      )
  }
}

function sourceOf({ ts, xid }: Row): Source {
  if (!isCount(ts)) throw new Poison('envelope-malformed', 'ts is not a whole number of seconds')
  if (xid !== undefined && !isCount(xid)) throw new Poison('envelope-malformed', 'xid is not a whole number')
  return { lsn: null, txId: xid ?? null, committedAtMs: ts * 1_000 }
}
