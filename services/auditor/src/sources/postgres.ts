/**
 * A system of record that is a table of PostgreSQL.
 *
 * It only reads, apart from one empty message to the write-ahead log, which makes the slot's consumer confirm where it
 * is when nothing else is written. Every value is read as text and parsed by the specification's types, so no number
 * or time loses a digit in between.
 */
import { connectPostgres, type Postgres } from '@driftlab/stores'
import type { Deletion, RowPosition, SourceState } from '../judge.ts'
import type { SourceRow } from '../projection.ts'
import type { Deletions, KeyType, RecordSpecification } from '../specification.ts'
import { checkedRevision, columnsOf, rowValues, type Answer, type ChangedTable, type Source } from './source.ts'

/** A position in PostgreSQL's write-ahead log. */
export type Lsn = bigint & { readonly __brand: 'Lsn' }

export type SlotState =
  | { readonly state: 'absent' }
  | { readonly state: 'lost' }
  | {
      readonly state: 'present'
      readonly active: boolean
      readonly confirmed: Lsn
      /** From the end of the log back to what the slot's consumer has confirmed. */
      readonly unconfirmedBytes: number
      /** What the slot makes the server keep; more than is unconfirmed while a transaction is open. */
      readonly retainedBytes: number
    }

export interface PostgresSource extends Source {
  slot(name: string): Promise<SlotState>
}

/** Where the rows are, and what is noted of those that were deleted. */
export interface TableOfLane {
  readonly table: string
  readonly deletions?: Deletions | undefined
}

export interface PostgresSourceOptions {
  /** How long one question may take. */
  readonly timeoutMs: number
  /** The replication slot whose consumer feeds the sinks; without it there is no watermark. */
  readonly slot?: string | undefined
  readonly connectionsMax?: number
  readonly onIdleError?: (error: Error) => void
}

type TextRow = Readonly<Record<string, string | null>>

const asText = { getTypeParser: () => (value: string) => value }
const keyPatterns: Readonly<Record<KeyType, RegExp>> = {
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,

  text: /^[^\0]*$/,
  integer: /^(0|-?[1-9]\d{0,17})$/,
}
const keyCasts: Readonly<Record<KeyType, string>> = { uuid: 'uuid', text: 'text', integer: 'bigint' }

export function openPostgres(
  url: string,
  record: RecordSpecification,
  lane: TableOfLane,
  { slot: feedingSlot, ...options }: PostgresSourceOptions,
): PostgresSource {
  const pool = connectPostgres(url, { connectionsMax: 1, ...options })
  const table = quoteTable(lane.table)
  const key = quote(record.key.column)
  const keyCast = keyCasts[record.key.type]
  const isPossible = (candidate: string): boolean => keyPatterns[record.key.type].test(candidate)

  const columns = columnsOf(record)
  const changedAt = record.changedAt === undefined ? 'null' : epochMs(quote(record.changedAt))
  const positionColumns = `${key}::text as key, ${quote(record.revision)} as revision, ${changedAt} as changed_at_ms`
  const rowColumns = [
    positionColumns,
    // Named by position, since a column may be called anything, `key` for one.
    ...columns.map((column, index) => `${quote(column)} as column_${String(index)}`),
  ].join(', ')

  const toRow = (row: TextRow): SourceRow => ({
    ...toPosition(row),
    key: row['key'] ?? '',
    values: rowValues(record, (column) => row[`column_${String(columns.indexOf(column))}`] ?? null),
  })

  const deletionsOf = async (keys: readonly string[]): Promise<ReadonlyMap<string, Deletion>> => {
    if (lane.deletions === undefined) return new Map()
    const { table: deletions, key: deletionKey, revision, deletedAt } = lane.deletions
    const rows = await query(
      pool,
      `select ${quote(deletionKey)}::text as key, ${quote(revision)} as revision, ${epochMs(quote(deletedAt))} as deleted_at_ms
       from ${quoteTable(deletions)} where ${quote(deletionKey)} = any($1::${keyCast}[])`,
      [keys],
    )
    return new Map(
      rows.map((row) => [
        row['key'] ?? '',
        { revision: Number(row['revision']), deletedAtMs: Number(row['deleted_at_ms']) },
      ]),
    )
  }

  const states = async <Row>(
    keys: readonly string[],
    select: string,
    read: (row: TextRow) => Row,
  ): Promise<ReadonlyMap<string, SourceState<Row>>> => {
    const possible = keys.filter(isPossible)
    const found = await query(pool, `select ${select} from ${table} where ${key} = any($1::${keyCast}[])`, [possible])
    const rows = new Map(found.map((row) => [row['key'] ?? '', read(row)]))
    // Deletions after the rows: a row that goes in between shows as deleted, never as never having been.
    const deletions = await deletionsOf(possible.filter((candidate) => !rows.has(candidate)))
    return new Map(
      keys.map((candidate) => [
        candidate,
        { row: rows.get(candidate) ?? null, deletion: deletions.get(candidate) ?? null },
      ]),
    )
  }

  const slot = async (name: string): Promise<SlotState> => {
    const [row] = await query(
      pool,
      `select active, wal_status, confirmed_flush_lsn as confirmed,
         pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) as unconfirmed_bytes,
         pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) as retained_bytes
       from pg_replication_slots where slot_name = $1`,
      [name],
    )
    if (row === undefined) return { state: 'absent' }
    if (row['wal_status'] === 'lost') return { state: 'lost' }
    return {
      state: 'present',
      active: row['active'] === 't',
      confirmed: parseLsn(row['confirmed'] ?? '0/0'),
      unconfirmedBytes: Math.max(0, Number(row['unconfirmed_bytes'])),
      retainedBytes: Math.max(0, Number(row['retained_bytes'])),
    }
  }

  return {
    lastKey: async () => {
      const [row] = await query(pool, `select ${key}::text as key from ${table} order by ${key} desc limit 1`, [])
      return row?.['key'] ?? null
    },
    page: async (after, upTo, size) => {
      const rows = await query(
        pool,
        `select ${rowColumns} from ${table} where ${key} <= $1::${keyCast}
         ${after === null ? '' : `and ${key} > $3::${keyCast}`} order by ${key} limit $2`,
        after === null ? [upTo, size] : [upTo, size, after],
      )
      return { rows: rows.map(toRow), characters: rows.reduce((sum, row) => sum + charactersOf(row), 0) }
    },
    rows: (keys) => states(keys, rowColumns, toRow),
    positions: (keys) => states(keys, positionColumns, toPosition),
    existing: async (keys) => {
      const rows = await query(pool, `select ${key}::text as key from ${table} where ${key} = any($1::${keyCast}[])`, [
        keys.filter(isPossible),
      ])
      return new Set(rows.map((row) => row['key'] ?? ''))
    },
    changes: async (table, from, limit) => {
      const place = placeOf(table, record, lane)
      if (place === undefined) return []
      const [at, keyOf] = [quote(place.at), quote(place.key)]
      const [condition, values] =
        'sinceMs' in from
          ? [`${at} >= to_timestamp($2::float8 / 1000)`, [from.sinceMs]]
          : [`(${at}, ${keyOf}) > ($2::timestamptz, $3::${keyCast})`, [from.at, from.key]]
      const rows = await query(
        pool,
        `select ${keyOf}::text as key, ${quote(place.revision)} as revision, ${at}::text as at, ${epochMs(at)} as at_ms
         from ${quoteTable(place.table)} where ${condition} order by ${at}, ${keyOf} limit $1`,
        [limit, ...values],
      )
      return rows.map((row) => ({
        key: row['key'] ?? '',
        revision: Number(row['revision']),
        at: row['at'] ?? '',
        atMs: Number(row['at_ms']),
      }))
    },
    clockMs: async () => {
      const [row] = await query(pool, `select ${epochMs('clock_timestamp()')} as now_ms`, [])
      return Number(row?.['now_ms'])
    },
    watermark: async () => {
      if (feedingSlot === undefined) throw new TypeError('The lane has no replication slot, and so no watermark')
      const [row] = await query(pool, 'select pg_current_wal_insert_lsn() as lsn', [])
      await query(pool, `select pg_logical_emit_message(true, 'driftlab-audit', '')`, [])
      const watermark = parseLsn(row?.['lsn'] ?? '')
      return {
        position: formatLsn(watermark),
        reached: async () => howFar(feedingSlot, await slot(feedingSlot), watermark),
      }
    },
    slot,
    close: () => pool.end(),
  }
}

interface TimedTable {
  readonly table: string
  readonly key: string
  readonly revision: string
  readonly at: string
}

/** Where the times of changes are; undefined when deletions are not kept. */
function placeOf(table: ChangedTable, record: RecordSpecification, lane: TableOfLane): TimedTable | undefined {
  switch (table) {
    case 'rows':
      if (record.changedAt === undefined) throw new TypeError('The specification does not say when a row changed')
      return { table: lane.table, key: record.key.column, revision: record.revision, at: record.changedAt }
    case 'deletions':
      return lane.deletions === undefined ? undefined : { ...lane.deletions, at: lane.deletions.deletedAt }
  }
}

async function query(pool: Postgres, text: string, values: readonly unknown[]): Promise<readonly TextRow[]> {
  const result = await pool.query<TextRow>({ text, values: [...values], types: asText })
  return result.rows
}

function toPosition(row: TextRow): RowPosition {
  const changedAtMs = row['changed_at_ms'] ?? null
  return {
    revision: checkedRevision(row['key'] ?? '?', row['revision']),
    changedAtMs: changedAtMs === null ? null : Number(changedAtMs),
  }
}

function howFar(name: string, state: SlotState, watermark: Lsn): Answer {
  switch (state.state) {
    case 'absent':
      return { missing: `replication slot ${name} does not exist; is the connector registered?` }
    case 'lost':
      return { missing: `replication slot ${name} has lost its place in the log; see docs/recovery.md`, forGood: true }
    case 'present': {
      if (state.confirmed >= watermark) return 'reached'
      const short = String(watermark - state.confirmed)
      const behind = `replication slot ${name} is ${short} bytes short of ${formatLsn(watermark)}`
      return { missing: state.active ? behind : `${behind}, and no connector reads it` }
    }
  }
}

/** Reads `16/B374D848`. @throws {TypeError} */
export function parseLsn(text: string): Lsn {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text)
  if (match === null) throw new TypeError(`${JSON.stringify(text)} is no position of the write-ahead log`)
  return ((BigInt(`0x${match[1] ?? '0'}`) << 32n) | BigInt(`0x${match[2] ?? '0'}`)) as Lsn
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase()
}

function epochMs(expression: string): string {
  return `(extract(epoch from ${expression}) * 1000)::float8`
}

function charactersOf(row: TextRow): number {
  return Object.values(row).reduce((sum, value) => sum + (value?.length ?? 0), 0)
}

function quoteTable(name: string): string {
  return name.split('.').map(quote).join('.')
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
