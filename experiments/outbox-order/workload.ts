/**
 * Transactions as a busy service has them: most change one order, some a few, and now and then one changes many, as a
 * repricing or an import does, and so stays open for as long as that takes. Each order's event is written beside it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Postgres } from '@driftlab/stores'
import { outboxStrategy } from '../../services/orders/src/strategies/outbox.ts'
import { ordersRepository } from '../../services/orders/src/repository.ts'
import { inTransaction } from '../../services/orders/src/transactions.ts'
import type { Committed } from './history.ts'

export interface MixedLoad {
  readonly postgres: Postgres
  readonly schema: string
  /** Schemas whose outboxes take every event, in the same statement. */
  readonly outboxes: readonly [string, string]
  readonly orders: readonly string[]
  readonly clients: number
  readonly durationMs: number
  /** On a slow machine it goes on for longer, until so many events of transactions with several orders are committed. */
  readonly ofManyOrdersMin: number
  readonly random: () => number
  readonly signal: AbortSignal
  readonly onCommitted: (event: Committed) => void
}

/** How many orders a transaction changes, and how often that is so. */
const sizes = [
  { share: 0.88, size: 1 },
  { share: 0.1, size: 6 },
  { share: 0.02, size: 150 },
] as const
/** Between two transactions of a client. */
const restMsMax = 40

export async function runMixedLoad(load: MixedLoad): Promise<void> {
  const endsAt = performance.now() + load.durationMs
  let ofManyOrders = 0
  await Promise.all(
    Array.from({ length: load.clients }, async () => {
      while (performance.now() < endsAt || ofManyOrders < load.ofManyOrdersMin) {
        load.signal.throwIfAborted()
        const orders = pick(load, sizeOf(load.random()))
        await changeOrders(load, orders)
        if (orders.length > 1) ofManyOrders += orders.length
        await delay(load.random() * restMsMax)
      }
    }),
  )
}

function sizeOf(dice: number): number {
  let sum = 0
  return sizes.find(({ share }) => (sum += share) > dice)?.size ?? 1
}

/** Distinct, and sorted, so that transactions take their locks in one order and none waits for another in a circle. */
function pick({ orders, random }: MixedLoad, count: number): readonly string[] {
  const picked = new Set<string>()
  while (picked.size < count) picked.add(orders[Math.floor(random() * orders.length)] ?? '')
  return [...picked].sort()
}

async function changeOrders(
  { postgres, schema, outboxes, onCommitted }: MixedLoad,
  orders: readonly string[],
): Promise<void> {
  const changed: { readonly order: string; readonly revision: number }[] = []
  await inTransaction(postgres, async (client) => {
    for (const order of orders) {
      const { rows } = await client.query<{ revision: string; after: unknown }>({
        name: 'change',
        text: `update "${schema}".orders o set note = 'changed ' || revision where id = $1 returning revision, to_jsonb(o) as after`,
        values: [order],
      })
      await client.query({
        name: 'tell',
        text: tell(outboxes),
        values: [order, JSON.stringify({ type: 'OrderChanged', occurredAt: new Date(), order: rows[0]?.after })],
      })
      changed.push({ order, revision: Number(rows[0]?.revision) })
    }
  })
  const atMs = performance.now()
  for (const event of changed) onCommitted({ type: 'committed', ...event, transactionSize: orders.length, atMs })
}

/** One event into both outboxes: the readers that take rows away get a table of their own. */
export function tell([kept, taken]: MixedLoad['outboxes']): string {
  const columns = 'aggregatetype, aggregateid, type, payload'
  return (
    `with event (${columns}) as (values ('order', $1, 'OrderChanged', $2::jsonb)), ` +
    `kept as (insert into "${kept}".outbox (${columns}) select * from event) ` +
    `insert into "${taken}".outbox (${columns}) select * from event`
  )
}

/** The strategy of the orders service itself, by many clients at once on a few orders. */
export async function runServiceLoad(options: {
  readonly postgres: Postgres
  readonly lane: string
  readonly orders: readonly string[]
  readonly clients: number
  readonly durationMs: number
  /** On a slow machine it goes on for longer, until so many are committed. */
  readonly eventsMin: number
  readonly signal: AbortSignal
}): Promise<void> {
  const { postgres, lane, orders, clients, durationMs, eventsMin, signal } = options
  const strategy = outboxStrategy(ordersRepository(postgres, lane), lane)
  const endsAt = performance.now() + durationMs
  let events = 0
  await Promise.all(
    Array.from({ length: clients }, async (_none, client) => {
      for (let turn = 0; performance.now() < endsAt || events < eventsMin; turn += 1) {
        signal.throwIfAborted()
        await strategy.update(orders[(client + turn) % orders.length] ?? '', () => ({ note: `${client}, ${turn}` }))
        events += 1
      }
    }),
  )
}

/** How the events of each order are numbered, in the order of its revisions. */
export async function readNumbering(
  postgres: Postgres,
  schema: string,
): Promise<{ readonly neighbours: number; readonly transactionIdFalls: number; readonly sequenceFalls: number }> {
  const { rows } = await postgres.query<{ neighbours: string; xid_falls: string; seq_falls: string }>(
    `with history as (
       select seq, xid, lag(seq) over earlier as earlier_seq, lag(xid) over earlier as earlier_xid
       from "${schema}".outbox
       window earlier as (partition by aggregateid order by (payload->'order'->>'revision')::bigint)
     )
     select count(earlier_seq) as neighbours, count(*) filter (where xid < earlier_xid) as xid_falls,
       count(*) filter (where seq < earlier_seq) as seq_falls
     from history`,
  )
  const [row] = rows
  return {
    neighbours: Number(row?.neighbours),
    transactionIdFalls: Number(row?.xid_falls),
    sequenceFalls: Number(row?.seq_falls),
  }
}
