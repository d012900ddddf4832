/** Records of Debezium's connectors for PostgreSQL, MariaDB and MySQL: JSON converter, with or without schemas. */
import type { Row, Source } from './change-event.ts'
import type { Content } from './decode.ts'
import { lsnFromNumber } from './lsn.ts'
import {
  checkExact,
  checkKey,
  checkTable,
  describe,
  isCount,
  isRow,
  parseObject,
  Poison,
  rowIn,
  type Table,
} from './poison.ts'

export interface DebeziumFormat {
  readonly format: 'debezium'
  /** The one table whose changes the topic may hold. MariaDB and MySQL call the schema a database. */
  readonly table: Table
}

/** What Debezium sends for a column whose value it could not see: an unchanged TOASTed one, without full identity. */
const unavailable = '__debezium_unavailable_value'
const unavailableBytes = Buffer.from(unavailable)
const identityHint = '; set the replica identity of its table to full'

/** @throws {Poison} */
export function decodeDebezium(
  keyBytes: Buffer,
  value: Buffer | null,
  { table }: DebeziumFormat,
): Content | 'tombstone' {
  const key = decodeKey(keyBytes)
  if (value === null) return 'tombstone'
  const envelope = withoutSchema(parseObject(value, 'value-malformed', 'The value'))
  const content = toContent(envelope, decodeSource(envelope, table))
  const row = content.kind === 'delete' ? content.before : content.after
  checkKey(key, row)
  checkExact(row)
  checkAvailable(value, row)
  return content
}

function decodeKey(bytes: Buffer): Row {
  const key = withoutSchema(parseObject(bytes, 'key-malformed', 'The key'))
  if (Object.keys(key).length === 0) throw new Poison('key-malformed', 'The key names no column')
  return key
}

/** With schemas enabled the converter wraps everything in `{schema, payload}`. */
function withoutSchema(value: Row): Row {
  return 'payload' in value && 'schema' in value && isRow(value['payload']) ? value['payload'] : value
}

function decodeSource(envelope: Row, table: Table): Source {
  const source = envelope['source']
  if (!isRow(source)) throw new Poison('envelope-malformed', 'The value has no source: not an envelope of Debezium')
  checkTable(source[schemaField(source['connector'])], source['table'], table)
  return { lsn: decodeLsn(source['lsn']), txId: decodeTxId(source['txId']), committedAtMs: decodeCommitTime(source) }
}

/** Which field of `source` names the schema. PostgreSQL's has a `db` as well, and it means another thing there. */
function schemaField(connector: unknown): 'schema' | 'db' {
  switch (connector) {
    case 'postgresql':
      return 'schema'
    case 'mariadb':
    case 'mysql':
      return 'db'
    default:
      throw new Poison('envelope-malformed', `The connector is ${describe(connector)}, none whose envelope is known`)
  }
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

function toContent(envelope: Row, source: Source): Content {
  const operation = envelope['op']
  switch (operation) {
    case 'r':
      return { kind: 'snapshot', source, after: rowIn(envelope, 'after') }
    case 'c':
      return { kind: 'insert', source, after: rowIn(envelope, 'after') }
    case 'u': {
      const before = envelope['before']
      return { kind: 'update', source, before: isRow(before) ? before : null, after: rowIn(envelope, 'after') }
    }
    case 'd':
      return { kind: 'delete', source, before: rowIn(envelope, 'before', identityHint) }
    default:
      throw new Poison('operation-unknown', `The operation is ${describe(operation)}, not one of r, c, u, d`)
  }
}

/** The row must be whole: no placeholder in it. */
function checkAvailable(bytes: Buffer, row: Row): void {
  if (!bytes.includes(unavailableBytes)) return
  for (const column in row) {
    if (row[column] === unavailable) {
      throw new Poison('value-unavailable', `Column ${column} was not in the log${identityHint}`)
    }
  }
}
