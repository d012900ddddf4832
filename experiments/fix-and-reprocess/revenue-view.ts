/**
 * The revenue view in PostgreSQL, in two versions beside each other: each filled from the log by a projection of its own, and
 * one name, `revenue`, behind which is the one that readers are to see.
 *
 * Invariant: what a batch adds and how far it goes are one transaction, so a version is always that of its progress. The
 * name moves only to a version that is no further behind, partition by partition, while neither can move.
 */
import { decodeEvent, startFold } from '@driftlab/order-events'
import type { LogRecord } from '@driftlab/kafka'
import type { Postgres } from '@driftlab/stores'
import { eventually } from '@driftlab/stores/testing'
import type { EventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { startLogReader, type LogReader } from '../laboratory/log-reader.ts'
import { inTransaction } from '../laboratory/transaction.ts'
import { versions, type EntryOf, type Version } from './history.ts'
import { addUp, revenueOf, type Pricing, type Revenue } from './revenue.ts'

export interface RevenueViews {
  /** Fills a version from the beginning of the log, and goes on. */
  project(version: Version, pricing: Pricing): Promise<LogReader>
  /** Lets readers see that version, as soon as it is no further behind than the one that they see. */
  switchTo(version: Version): Promise<void>
  rows(version: Version): Promise<readonly Revenue[]>
  /** Events that a version has taken. */
  eventsOf(version: Version): Promise<number>
  /** As a reader does, who knows only the name. */
  read(): Promise<EntryOf<'read'>['found']>
}

const switchDeadlineMs = 60_000

export async function openRevenueViews(
  laboratory: Laboratory,
  lane: EventSourcedLane,
  schema: string,
): Promise<RevenueViews> {
  const { postgres } = laboratory
  for (const version of versions) {
    await postgres.query(
      `create table ${schema}.revenue_${version} (
         day date, sku text, net_cents bigint not null, lines bigint not null, primary key (day, sku))`,
    )
  }
  await postgres.query(
    `create table ${schema}.progress (
       version text, partition int, next bigint not null, events bigint not null, primary key (version, partition))`,
  )
  await postgres.query(viewOf(schema, 'shipped'))

  return {
    project: (version, pricing) => {
      const fold = startFold()
      return startLogReader(laboratory, {
        ...{ log: lane.log, admin: lane.admin, topics: [lane.topics.events] },
        name: `${lane.name}-revenue-${version}`,
        take: async (records) => {
          const revenues = records.flatMap((record) => {
            const event = decodeEvent(record.key, record.value)
            const before = fold.state(event.key)
            fold.add(event)
            return revenueOf(before, event, pricing)
          })
          await addRevenue(postgres, schema, version, records, addUp(revenues))
        },
      })
    },

    switchTo: async (version) => {
      await eventually(
        () =>
          inTransaction(postgres, async (client) => {
            await client.query(`lock table ${schema}.progress in share row exclusive mode`)
            const { rows } = await client.query(
              `select from ${schema}.progress seen
               left join ${schema}.progress mine on mine.partition = seen.partition and mine.version = $1
               where seen.version <> $1 and seen.next > coalesce(mine.next, 0)`,
              [version],
            )
            if (rows.length > 0) return false
            await client.query(viewOf(schema, version))
            return true
          }),
        { deadlineMs: switchDeadlineMs, intervalMs: 5, what: `${version} is no further behind than what is seen` },
      )
    },

    rows: async (version) => {
      const { rows } = await postgres.query<{ day: string; sku: string; net_cents: string; lines: string }>(
        `select day::text, sku, net_cents, lines from ${schema}.revenue_${version}`,
      )
      return rows.map(({ day, sku, net_cents, lines }) => ({
        ...{ day, sku, netCents: Number(net_cents), lines: Number(lines) },
      }))
    },

    eventsOf: async (version) => {
      const { rows } = await postgres.query<{ events: string | null }>(
        `select sum(events) as events from ${schema}.progress where version = $1`,
        [version],
      )
      return Number(rows[0]?.events ?? 0)
    },

    read: async () => {
      const { rows } = await postgres.query<{ version: Version; total_cents: string; events: string }>(
        `select version, total_cents, (select sum(events) from ${schema}.progress where progress.version = seen.version) as events
         from (select version, sum(net_cents) as total_cents from ${schema}.revenue group by version) as seen`,
      )
      const [found] = rows
      return found === undefined
        ? null
        : { version: found.version, events: Number(found.events), totalCents: Number(found.total_cents) }
    },
  }
}

function viewOf(schema: string, version: Version): string {
  return `create or replace view ${schema}.revenue as
    select day, sku, net_cents, lines, '${version}'::text as version from ${schema}.revenue_${version}`
}

async function addRevenue(
  postgres: Postgres,
  schema: string,
  version: Version,
  records: readonly LogRecord[],
  revenues: readonly Revenue[],
): Promise<void> {
  const last = records.at(-1)
  if (last === undefined) return
  await inTransaction(postgres, async (client) => {
    await client.query(
      `insert into ${schema}.revenue_${version} as seen (day, sku, net_cents, lines)
       select * from jsonb_to_recordset($1) as added (day date, sku text, "netCents" bigint, lines bigint)
       on conflict (day, sku) do update
         set net_cents = seen.net_cents + excluded.net_cents, lines = seen.lines + excluded.lines`,
      [JSON.stringify(revenues)],
    )
    await client.query(
      `insert into ${schema}.progress as seen (version, partition, next, events) values ($1, $2, $3, $4)
       on conflict (version, partition) do update
         set next = excluded.next, events = seen.events + excluded.events`,
      [version, last.partition, last.offset + 1, records.length],
    )
  })
}
