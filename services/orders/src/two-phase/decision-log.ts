/**
 * The coordinator's memory: which transactions it decided to commit, on disk before anybody is told.
 *
 * Invariant: a transaction that is not in here was never decided, so it may be rolled back (presumed abort); one that is
 * stays until it is committed everywhere. One process has the log at a time, by a lock that the kernel frees when the
 * process dies: two coordinators of one name would decide against each other. SQLite keeps the file, since a log that
 * survives torn writes is no code to write twice.
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { v4 as uuidV4 } from 'uuid'
import { z } from 'zod'

export interface DecisionLog {
  /** Made with the file, and so the same for as long as there is something in it. */
  readonly coordinator: string
  /** Resolves when the decision is on disk. @throws when nobody can tell whether it is. */
  decide(transaction: string): Promise<void>
  has(transaction: string): boolean
  decided(): readonly string[]
  /** Of transactions that are committed everywhere. It need not be on disk: that they are decided stays true. */
  forget(transactions: readonly string[]): void
  close(): void
}

const ids = z.array(z.object({ id: z.string() }))

/** Opens the log in `file`, or makes it. @throws when another process has it open. */
export function openDecisionLog(file: string): DecisionLog {
  mkdirSync(dirname(file), { recursive: true })
  const database = new DatabaseSync(file, { timeout: 0 })
  // FULL: a commit is in the file, past every cache, before it is acknowledged.
  database.exec(`
    pragma locking_mode = exclusive;
    pragma journal_mode = wal;
    pragma synchronous = full;
    create table if not exists coordinator (id text primary key) strict, without rowid;
    create table if not exists decision (id text primary key) strict, without rowid;
  `)
  const idsOf = (table: 'coordinator' | 'decision'): readonly string[] =>
    ids.parse(database.prepare(`select id from ${table}`).all()).map(({ id }) => id)
  if (idsOf('coordinator').length === 0) database.prepare('insert into coordinator values (?)').run(uuidV4())
  const [coordinator = ''] = idsOf('coordinator')

  const known = new Set(idsOf('decision'))
  const insert = database.prepare('insert into decision values (?)')
  const remove = database.prepare('delete from decision where id = ?')
  let undecided: { readonly id: string; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []
  let forgotten: string[] = []

  /** One sync for all that came in meanwhile. */
  const flush = (): void => {
    const batch = undecided
    const old = forgotten
    undecided = []
    forgotten = []
    try {
      database.exec('begin')
      for (const id of old) remove.run(id)
      for (const { id } of batch) insert.run(id)
      database.exec('commit')
    } catch (error) {
      for (const { reject } of batch) reject(error)
      return
    }
    for (const { id, resolve } of batch) {
      known.add(id)
      resolve()
    }
  }

  return {
    coordinator,
    decide: (id) =>
      new Promise((resolve, reject) => {
        undecided.push({ id, resolve, reject })
        if (undecided.length === 1) setImmediate(flush)
      }),
    has: (id) => known.has(id),
    decided: () => [...known],
    forget: (transactions) => {
      for (const id of transactions) if (known.delete(id)) forgotten.push(id)
    },
    close: () => {
      flush()
      database.close()
    },
  }
}
