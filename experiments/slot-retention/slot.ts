/** A replication slot as PostgreSQL shows it, and the bound on what slots may keep. */
import type { Postgres } from '@driftlab/stores'
import { eventually } from '@driftlab/stores/testing'
import { z } from 'zod'

const slotSchema = z.tuple([
  z.object({
    walStatus: z.string(),
    invalidation: z.string().nullable(),
    retainedBytes: z.coerce.number().nullable(),
  }),
])
export type Slot = z.output<typeof slotSchema>[0]

export async function readSlot(postgres: Postgres, name: string): Promise<Slot> {
  const { rows } = await postgres.query(
    `select wal_status as "walStatus", invalidation_reason as invalidation,
       pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) as "retainedBytes"
     from pg_replication_slots where slot_name = $1`,
    [name],
  )
  return slotSchema.parse(rows)[0]
}

/** What a slot keeps; one that has lost its place keeps nothing. */
export async function retainedBytes(postgres: Postgres, name: string): Promise<number> {
  return (await readSlot(postgres, name)).retainedBytes ?? 0
}

export async function walPosition(postgres: Postgres): Promise<number> {
  const { rows } = await postgres.query<{ position: string }>(
    `select pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0') as position`,
  )
  return Number(rows[0]?.position)
}

/**
 * What every reader of the log comes by. Debezium confirms a position only with something that it reads: after changes of
 * tables that it does not capture, its slot stays where it was.
 */
async function nudge(postgres: Postgres): Promise<void> {
  await postgres.query(`select pg_logical_emit_message(true, 'driftlab-experiment', '')`)
}

/** Until the slot's reader has confirmed everything up to there. */
export async function untilConfirmed(postgres: Postgres, name: string, position: number): Promise<void> {
  await nudge(postgres)
  await eventually(
    async () => {
      const { rows } = await postgres.query<{ reached: boolean }>(
        `select pg_wal_lsn_diff(confirmed_flush_lsn, '0/0') >= $2::numeric as reached
         from pg_replication_slots where slot_name = $1`,
        [name, position],
      )
      return rows[0]?.reached === true
    },
    { deadlineMs: 120_000, intervalMs: 20, what: `the reader of ${name} has confirmed what was written` },
  )
}

/** Until our slot, or every other one, keeps less than that. */
export async function untilKeepsLess(
  postgres: Postgres,
  which: { readonly slot: string } | { readonly otherThan: string },
  bytes: number,
): Promise<void> {
  const [condition, name] = 'slot' in which ? ['slot_name = $1', which.slot] : ['slot_name <> $1', which.otherThan]
  await eventually(
    async () => {
      // What a slot has to keep moves only when its reader passes such a record.
      await postgres.query('select pg_log_standby_snapshot()')
      await nudge(postgres)
      const { rowCount } = await postgres.query(
        `select from pg_replication_slots
         where ${condition} and wal_status <> 'lost' and pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) >= $2::numeric`,
        [name, bytes],
      )
      return rowCount === 0
    },
    { deadlineMs: 60_000, intervalMs: 500, what: `slots (${condition}, ${name}) keep less than ${bytes} bytes` },
  )
}

export async function setBound(postgres: Postgres, mebibytes: number | undefined): Promise<void> {
  await postgres.query(
    mebibytes === undefined
      ? 'alter system reset max_slot_wal_keep_size'
      : `alter system set max_slot_wal_keep_size = '${mebibytes}MB'`,
  )
  await postgres.query('select pg_reload_conf()')
}
