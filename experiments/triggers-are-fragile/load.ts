/** The same updates on a table that nobody captures, on one with triggers, and on one whose log is read. */
import type { Postgres } from '@driftlab/stores'
import { percentile } from '../runner/statistics.ts'
import type { LoadEntry } from './history.ts'

const clients = 8

export interface LoadOptions {
  /** Of the orders service's user. */
  readonly postgres: Postgres
  readonly admin: Postgres
  readonly schema: string
  readonly orders: readonly string[]
  readonly changes: number
  /** Waits until everything that is committed by now has been published. */
  readonly settle: () => Promise<void>
}

/** One round: single-row transactions by several clients at once. WAL is counted until the capture is done as well. */
export async function runLoad(
  options: LoadOptions,
): Promise<Pick<LoadEntry, 'changes' | 'durationMs' | 'p50Ms' | 'p99Ms' | 'walBytes'>> {
  const { postgres, admin, schema, orders, changes, settle } = options
  const statement = { name: `change-${schema}`, text: `update "${schema}".orders set note = $2 where id = $1` }
  const change = (at: number): Promise<unknown> =>
    postgres.query({
      ...statement,
      values: [orders[at % orders.length], `${'a note of some length, '.repeat(8)}${at}`],
    })

  // The first change of a page after a checkpoint puts the whole page into the log: let all pages have theirs now.
  await admin.query('checkpoint')
  await Promise.all(
    Array.from({ length: clients }, async (_none, client) => {
      for (let at = client; at < orders.length; at += clients) await change(at)
    }),
  )
  await settle()

  const from = await walPosition(admin)
  const latenciesMs: number[] = []
  const beganAt = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async (_none, client) => {
      for (let at = client; at < changes; at += clients) {
        const askedAt = performance.now()
        await change(at)
        latenciesMs.push(performance.now() - askedAt)
      }
    }),
  )
  const durationMs = performance.now() - beganAt
  await settle()
  const { rows } = await admin.query<{ bytes: string }>('select pg_wal_lsn_diff($1, $2) as bytes', [
    await walPosition(admin),
    from,
  ])
  return {
    changes,
    durationMs,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    walBytes: Number(rows[0]?.bytes),
  }
}

async function walPosition(postgres: Postgres): Promise<string> {
  const { rows } = await postgres.query<{ lsn: string }>('select pg_current_wal_insert_lsn() as lsn')
  return rows[0]?.lsn ?? ''
}
