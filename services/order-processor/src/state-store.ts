/**
 * What a processor knows of its partition, on disk: the state of each key, the outcomes that repeats get, and how far
 * of the log that is.
 *
 * It is a cache. The log is the truth: a file that is missing, damaged, of another version or of another log is made
 * anew from the log, which costs time and nothing else. So it is never synced, and memory is bounded by SQLite's own cache:
 * 2 MiB for each partition, behind which is the system's.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { parseOffset, type Offset } from '@driftlab/change-event'
import { decodeOutcome, emptyState, type Outcome, type State } from '@driftlab/order-events'
import { isRemembered, rememberedAs, type Known } from './decide-batch.ts'

/** Raised with every change of the tables, or of what is in them. */
const storeVersion = 2

/** How far the store has followed the log. */
export interface Progress {
  /** The last event that is in it. */
  readonly lastEvent: { readonly offset: Offset; readonly hash: string } | null
  readonly outcomesNext: Offset
  /** The next command to decide. */
  readonly place: Offset
}

export interface StateStore extends Known {
  progress(): Progress
  /** All of it or nothing. */
  apply(states: ReadonlyMap<string, State>, outcomes: readonly Outcome[], progress: Progress): void
  close(): void
}

export interface StateStoreOptions {
  /** How many outcomes are kept for repeats: those of the latest commands. */
  readonly outcomesKept: number
}

export const beginning: Progress = { lastEvent: null, outcomesNext: parseOffset(0), place: parseOffset(0) }

/** Opens what is there, or an empty one when there is nothing of use. */
export function openStateStore(file: string, options: StateStoreOptions): StateStore {
  mkdirSync(dirname(file), { recursive: true })
  if (existsSync(file)) {
    try {
      const database = new DatabaseSync(file)
      if (isSound(database)) return storeIn(database, options)
      database.close()
    } catch {
      // No database at all: as good as none.
    }
    discardStateStore(file)
  }
  const database = new DatabaseSync(file)
  create(database)
  return storeIn(database, options)
}

export function discardStateStore(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
}

function isSound(database: DatabaseSync): boolean {
  const version = database.prepare('pragma user_version').get()?.['user_version']
  const check = database.prepare('pragma quick_check').get()?.['quick_check']
  return version === storeVersion && check === 'ok'
}

function create(database: DatabaseSync): void {
  database.exec(`
    create table states (key text primary key, state text not null) without rowid;
    create table outcomes (number integer primary key, name text not null unique, outcome text not null);
    create table progress (only_row integer primary key check (only_row = 1), progress text not null);
    pragma user_version = ${storeVersion};
  `)
}

function storeIn(database: DatabaseSync, { outcomesKept }: StateStoreOptions): StateStore {
  database.exec('pragma journal_mode = wal; pragma synchronous = off')
  const findState = database.prepare('select state from states where key = ?')
  const putState = database.prepare('insert or replace into states (key, state) values (?, ?)')
  const findOutcome = database.prepare('select outcome from outcomes where name = ?')
  const putOutcome = database.prepare('insert or ignore into outcomes (name, outcome) values (?, ?)')
  const forget = database.prepare('delete from outcomes where number <= (select max(number) from outcomes) - ?')
  const findProgress = database.prepare('select progress from progress')
  const putProgress = database.prepare('insert or replace into progress (only_row, progress) values (1, ?)')

  return {
    state: (key) => {
      const text = findState.get(key)?.['state']
      return text === undefined ? emptyState(key) : (JSON.parse(asText(text)) as State)
    },
    outcome: (key, commandId) => {
      const text = findOutcome.get(rememberedAs(key, commandId))?.['outcome']
      return text === undefined ? undefined : decodeOutcome(Buffer.from(asText(text)))
    },
    progress: () => {
      const text = findProgress.get()?.['progress']
      return text === undefined ? beginning : (JSON.parse(asText(text)) as Progress)
    },
    apply: (states, outcomes, progress) => {
      database.exec('begin')
      try {
        for (const [key, state] of states) putState.run(key, JSON.stringify(state))
        for (const outcome of outcomes) {
          if (!isRemembered(outcome)) continue
          putOutcome.run(rememberedAs(outcome.key ?? '', outcome.commandId ?? ''), JSON.stringify(outcome))
        }
        forget.run(outcomesKept)
        putProgress.run(JSON.stringify(progress))
        database.exec('commit')
      } catch (error) {
        database.exec('rollback')
        throw error
      }
    },
    close: () => {
      database.close()
    },
  }
}

function asText(value: SQLOutputValue): string {
  if (typeof value === 'string') return value
  throw new TypeError('the state store holds something other than text')
}
