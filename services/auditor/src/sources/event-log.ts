/**
 * A system of record that is a log of events: what it says of a key is the fold of the key's events, which a fold
 * (`../folds/`) knows how to make.
 *
 * The log is followed into a file that is thrown away afterwards, so that memory is bounded whatever the log's length.
 * Invariant: an answer to `rows` or `positions` holds every event that was committed before it was asked for. A log that
 * cannot be read, has a gap or a broken chain is no source: whatever is asked of it throws.
 *
 * The topic that the sinks read is written in the same transaction as the events. It may not show the transaction yet when the
 * events do, but its heads lie behind it: the watermark is reached at once, and the sinks have to pass the heads.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { parseOffset, type Offset } from '@driftlab/change-event'
import type { LogAdmin, LogRecord } from '@driftlab/kafka'
import type { Deletion, SourceState } from '../judge.ts'
import { connectToLog } from '../log.ts'
import type { SourceRow } from '../projection.ts'
import type { RecordSpecification } from '../specification.ts'
import type { Json } from '../values.ts'
import { checkedRevision, rowValues, type Change, type ChangedTable, type ChangePlace, type Source } from './source.ts'

/** What the events of one key come to. */
export interface Folded {
  readonly key: string
  /** What the fold gets back with the next event of the key. */
  readonly state: Json
  /** As PostgreSQL would write the values as text; null when there is no such record, or not any more. */
  readonly row: Readonly<Record<string, string | null>> | null
  /** In ms since 1970. */
  readonly changedAtMs: number
  readonly deletion: Deletion | null
}

export interface EventFold {
  /**
   * @param stateOf what an earlier event of a key left, or undefined.
   * @throws when the record cannot be read, or is not the next of its key.
   */
  add(record: LogRecord, stateOf: (key: string) => Json | undefined): Folded
}

export interface EventLogOptions {
  /** How long the broker may take to answer, or to send another record. */
  readonly timeoutMs: number
  readonly onProgress: (message: string) => void
  /** Where the file is kept meanwhile. */
  readonly stateDir: string
}

const progressEvery = 10_000

/** Connects when it is first asked. */
export function openEventLog(
  brokers: readonly string[],
  record: RecordSpecification,
  log: { readonly topic: string; readonly fold: EventFold },
  options: EventLogOptions,
): Source {
  let opened: Promise<Open> | undefined
  const open = (): Promise<Open> => (opened ??= start(brokers, record, log, options))

  const toRow = ({ key, columns: json, changedAtMs }: StoredRow): SourceRow => {
    const columns = JSON.parse(json) as Readonly<Record<string, string | null>>
    return {
      key,
      revision: checkedRevision(key, columns[record.revision]),
      changedAtMs,
      values: rowValues(record, (column) => columns[column] ?? null),
    }
  }
  const stateIn = (table: Table, key: string): SourceState<SourceRow> => {
    const stored = table.find(key)
    const { columns = null, deletion = null } = stored ?? {}
    return { row: columns === null ? null : toRow({ key, columns, changedAtMs: stored?.changedAtMs ?? 0 }), deletion }
  }
  const states = async (keys: readonly string[]): Promise<ReadonlyMap<string, SourceState<SourceRow>>> => {
    const { follower, table } = await open()
    await follower.catchUp()
    return new Map(keys.map((key) => [key, stateIn(table, key)]))
  }

  return {
    lastKey: async () => {
      const { follower, table } = await open()
      await follower.catchUp()
      return table.lastKey()
    },
    page: async (after, upTo, size) => {
      const stored = (await open()).table.page(after ?? '', upTo, size)
      const characters = stored.reduce((sum, { columns }) => sum + columns.length, 0)
      return { rows: stored.map(toRow), characters }
    },
    rows: states,
    positions: states,
    // As of the last time the log was followed: what came since is only a suspect, and is looked at again.
    existing: async (keys) => {
      const { table } = await open()
      return new Set(keys.filter((key) => (table.find(key)?.columns ?? null) !== null))
    },
    changes: async (changed, from, limit) => {
      const { follower, table } = await open()
      await follower.catchUp()
      return table.changes(changed, from, limit)
    },
    clockMs: () => Promise.resolve(Date.now()),
    watermark: async () => {
      const { follower } = await open()
      return { position: follower.position(), reached: () => Promise.resolve('reached') }
    },
    close: async () => {
      if (opened === undefined) return
      const { admin, database, folder } = await opened
      await admin.close()
      database.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

interface Open {
  readonly admin: LogAdmin
  readonly database: DatabaseSync
  readonly folder: string
  readonly table: Table
  readonly follower: Follower
}

async function start(
  brokers: readonly string[],
  record: RecordSpecification,
  log: { readonly topic: string; readonly fold: EventFold },
  options: EventLogOptions,
): Promise<Open> {
  const admin = await connectToLog(brokers, options)
  const folder = await mkdtemp(join(options.stateDir, 'driftlab-audit-'))
  const database = new DatabaseSync(join(folder, 'fold.sqlite'))
  const table = createTable(database, record.revision)
  return { admin, folder, database, table, follower: createFollower(admin, log, table, options) }
}

interface Follower {
  /** Resolves when everything that was committed before the call is in the table. */
  catchUp(): Promise<void>
  /** Where the fold stands, for people. */
  position(): string
}

function createFollower(
  admin: LogAdmin,
  { topic, fold }: { readonly topic: string; readonly fold: EventFold },
  table: Table,
  { timeoutMs, onProgress }: EventLogOptions,
): Follower {
  const next = new Map<number, Offset>()
  let followed = 0

  const follow = async (): Promise<void> => {
    const ranges = await withoutStandstill(timeoutMs, topic, () => admin.ranges(topic))
    const stretches = ranges.map(({ partition, start, end }) => ({
      partition,
      from: next.get(partition) ?? start,
      to: end,
    }))
    const lost = ranges.find(({ partition, start }) => start > (next.get(partition) ?? 0))
    if (lost !== undefined) {
      throw new Error(`${topic} no longer holds the events before offset ${lost.start} of partition ${lost.partition}`)
    }
    table.begin()
    try {
      await withoutStandstill(timeoutMs, topic, (isMoving) =>
        admin.readStretches(topic, stretches, (record) => {
          isMoving()
          table.put(fold.add(record, table.state))
          next.set(record.partition, parseOffset(record.offset + 1))
          followed += 1
          if (followed % progressEvery === 0) onProgress(`followed ${followed} events`)
        }),
      )
    } finally {
      // What was added is right, and noted in `next`, even if it did not come to an end.
      table.commit()
    }
    for (const { partition, to } of stretches) next.set(partition, to)
  }

  let last: Promise<void> = Promise.resolve()
  return {
    catchUp: () => {
      // One after the other: one that had begun before this call may not hold what was written since. A fold that
      // stumbled once stumbles again, at the same event.
      last = last.then(follow)
      last.catch(() => undefined)
      return last
    },
    position: () =>
      [...next]
        .sort(([one], [other]) => one - other)
        .map(([partition, offset]) => `${partition}:${offset}`)
        .join(','),
  }
}

/** @throws when nothing moved for so long: the client itself would go on trying for ever. */
async function withoutStandstill<Value>(
  timeoutMs: number,
  topic: string,
  work: (isMoving: () => void) => Promise<Value>,
): Promise<Value> {
  const standstill = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    standstill.reject(new Error(`Nothing came from ${topic} for ${timeoutMs} ms. Is Kafka running?`))
  }, timeoutMs)
  try {
    return await Promise.race([work(() => timer.refresh()), standstill.promise])
  } finally {
    clearTimeout(timer)
  }
}

interface StoredRow {
  readonly key: string
  readonly columns: string
  readonly changedAtMs: number
}

interface Stored extends Omit<StoredRow, 'columns'> {
  readonly columns: string | null
  readonly deletion: Deletion | null
}

interface Table {
  readonly state: (key: string) => Json | undefined
  find(key: string): Stored | undefined
  page(after: string, upTo: string, size: number): readonly StoredRow[]
  lastKey(): string | null
  changes(table: ChangedTable, from: ChangePlace, limit: number): readonly Change[]
  put(folded: Folded): void
  begin(): void
  commit(): void
}

/** `revision`: the column of that name, which is a plain SQL name. */
function createTable(database: DatabaseSync, revision: string): Table {
  database.exec(`
    pragma journal_mode = off;
    pragma synchronous = off;
    pragma cache_size = -16384;
    create table folded (
      key text primary key, state text not null, columns text, changed_at_ms real not null,
      deleted_revision integer, deleted_at_ms real
    ) without rowid;
    create index present on folded (key) where columns is not null;
    create index changed on folded (changed_at_ms, key);
  `)
  const findState = database.prepare('select state from folded where key = ?')
  const findRow = database.prepare(
    'select columns, changed_at_ms, deleted_revision, deleted_at_ms from folded where key = ?',
  )
  const findPage = database.prepare(
    'select key, columns, changed_at_ms from folded where columns is not null and key > ? and key <= ? order by key limit ?',
  )
  const findLast = database.prepare('select key from folded where columns is not null order by key desc limit 1')
  const findChanges = (isDeleted: boolean) =>
    database.prepare(
      `select key, coalesce(deleted_revision, json_extract(columns, '$.${revision}')) as revision, changed_at_ms from folded
       where ${isDeleted ? 'deleted_revision is not null' : 'columns is not null'} and (changed_at_ms, key) > (?, ?)
       order by changed_at_ms, key limit ?`,
    )
  const findChanged = { rows: findChanges(false), deletions: findChanges(true) }
  const put = database.prepare('insert or replace into folded values (?, ?, ?, ?, ?, ?)')

  return {
    state: (key) => {
      const found = findState.get(key)
      return found === undefined ? undefined : (JSON.parse(text(found['state'])) as Json)
    },
    find: (key) => {
      const found = findRow.get(key)
      if (found === undefined) return undefined
      const { columns = null, deleted_revision: revision = null } = found
      return {
        key,
        columns: columns === null ? null : text(columns),
        changedAtMs: Number(found['changed_at_ms']),
        deletion:
          revision === null ? null : { revision: Number(revision), deletedAtMs: Number(found['deleted_at_ms']) },
      }
    },
    page: (after, upTo, size) =>
      findPage.all(after, upTo, size).map((found) => ({
        key: text(found['key']),
        columns: text(found['columns']),
        changedAtMs: Number(found['changed_at_ms']),
      })),
    lastKey: () => {
      const found = findLast.get()
      return found === undefined ? null : text(found['key'])
    },
    changes: (changed, from, limit) => {
      const [atMs, after] = 'sinceMs' in from ? [from.sinceMs, ''] : [Number(from.at), from.key]
      return findChanged[changed].all(atMs, after, limit).map((found) => {
        const changedAtMs = Number(found['changed_at_ms'])
        return {
          key: text(found['key']),
          revision: Number(found['revision']),
          at: String(changedAtMs),
          atMs: changedAtMs,
        }
      })
    },
    put: ({ key, state, row, changedAtMs, deletion }) => {
      put.run(
        key,
        JSON.stringify(state),
        row === null ? null : JSON.stringify(row),
        changedAtMs,
        deletion?.revision ?? null,
        deletion?.deletedAtMs ?? null,
      )
    },
    begin: () => {
      database.exec('begin')
    },
    commit: () => {
      database.exec('commit')
    },
  }
}

function text(value: SQLOutputValue | undefined): string {
  if (typeof value === 'string') return value
  throw new TypeError('the file of the fold holds something other than text')
}
