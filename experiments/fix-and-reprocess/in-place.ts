/**
 * The same business in tables of which each row says how things are now: the price of a line becomes what is left of it when
 * the discount is taken, revenue is a number that grows, and an order that is removed is gone.
 */
import type { Postgres, PostgresClient } from '@driftlab/stores'
import { inTransaction } from '../laboratory/transaction.ts'
import { closedLoop } from '../laboratory/orders-client.ts'
import type { PlannedOrder } from '../laboratory/planned-orders.ts'
import { possibleAmounts } from './recover.ts'
import { discountFromQuantity, nameOf, shippedUnitCents, type Revenue } from './revenue.ts'

export interface InPlaceTables {
  run(orders: readonly PlannedOrder[], signal: AbortSignal): Promise<void>
  revenue(): Promise<readonly Revenue[]>
  /** Of orders that were paid, as they are now. */
  lines(): Promise<readonly PaidLine[]>
}

export interface PaidLine {
  readonly orderId: string
  readonly line: number
  readonly sku: string
  readonly quantity: number
  readonly storedUnitCents: number
  readonly paidOn: string
  readonly cancelledOn: string | null
}

const clients = 8

export async function openInPlaceTables(postgres: Postgres, schema: string): Promise<InPlaceTables> {
  await postgres.query(
    `create table ${schema}.orders (id uuid primary key, status text not null, paid_on date, cancelled_on date)`,
  )
  await postgres.query(
    `create table ${schema}.lines (
       order_id uuid references ${schema}.orders on delete cascade, line int, sku text not null, quantity int not null,
       unit_cents int not null, primary key (order_id, line))`,
  )
  await postgres.query(
    `create table ${schema}.revenue_in_place (
       day date, sku text, net_cents bigint not null, lines bigint not null, primary key (day, sku))`,
  )
  return {
    run: (orders, signal) => closedLoop(orders, clients, signal, (order) => live(postgres, schema, order)),
    revenue: async () => {
      const { rows } = await postgres.query<{ day: string; sku: string; net_cents: string; lines: string }>(
        `select day::text, sku, net_cents, lines from ${schema}.revenue_in_place`,
      )
      return rows.map(({ day, sku, net_cents, lines }) => ({
        ...{ day, sku, netCents: Number(net_cents), lines: Number(lines) },
      }))
    },
    lines: async () => {
      const { rows } = await postgres.query<PaidLine>(
        `select order_id::text as "orderId", line, sku, quantity, unit_cents as "storedUnitCents",
           paid_on::text as "paidOn", cancelled_on::text as "cancelledOn"
         from ${schema}.lines join ${schema}.orders on id = order_id where paid_on is not null`,
      )
      return rows
    },
  }
}

/** Everything that happens to an order, a transaction each time. */
async function live(postgres: Postgres, schema: string, order: PlannedOrder): Promise<void> {
  const { id, items, paidAt, cancelledAt, removedAt } = order
  await inTransaction(postgres, async (client) => {
    await client.query(`insert into ${schema}.orders (id, status) values ($1, 'placed')`, [id])
    await client.query(
      `insert into ${schema}.lines (order_id, line, sku, quantity, unit_cents)
       select $1, line - 1, item ->> 'sku', (item ->> 'quantity')::int, (item ->> 'unitPriceCents')::int
       from jsonb_array_elements($2) with ordinality as items (item, line)`,
      [id, JSON.stringify(items)],
    )
  })
  if (paidAt !== undefined) {
    await inTransaction(postgres, async (client) => {
      await client.query(`update ${schema}.orders set status = 'paid', paid_on = $2 where id = $1`, [id, dayOf(paidAt)])
      for (const [line, item] of items.entries()) {
        await client.query(`update ${schema}.lines set unit_cents = $3 where order_id = $1 and line = $2`, [
          id,
          line,
          shippedUnitCents(item),
        ])
      }
      await addRevenue(client, schema, order, paidAt, 1)
    })
  }
  if (cancelledAt !== undefined) {
    await inTransaction(postgres, async (client) => {
      await client.query(`update ${schema}.orders set status = 'cancelled', cancelled_on = $2 where id = $1`, [
        id,
        dayOf(cancelledAt),
      ])
      if (paidAt !== undefined) await addRevenue(client, schema, order, cancelledAt, -1)
    })
  }
  if (removedAt !== undefined) await postgres.query(`delete from ${schema}.orders where id = $1`, [id])
}

/** The rows of one day in the order of the articles, so that no two transactions wait for each other in a circle. */
async function addRevenue(
  client: PostgresClient,
  schema: string,
  { id }: PlannedOrder,
  at: Date,
  sign: 1 | -1,
): Promise<void> {
  await client.query(
    `insert into ${schema}.revenue_in_place as seen (day, sku, net_cents, lines)
     select $2, sku, $3 * sum(quantity * unit_cents), $3 * count(*) from ${schema}.lines where order_id = $1
     group by sku order by sku
     on conflict (day, sku) do update
       set net_cents = seen.net_cents + excluded.net_cents, lines = seen.lines + excluded.lines`,
    [id, dayOf(at), sign],
  )
}

const dayOf = (time: Date): string => time.toISOString().slice(0, 10)

export interface Recovery {
  readonly rows: number
  readonly rowsLost: number
  readonly linesGone: number
  readonly lowCents: number
  readonly highCents: number
}

/**
 * Pure: what a careful person can still compute from the tables. A row of revenue says of how many lines it is; with fewer
 * than that left, some are gone, and what they rightly brought with them.
 */
export function recover(revenue: readonly Revenue[], lines: readonly PaidLine[]): Recovery {
  const effects = lines.flatMap((line) => {
    const amounts =
      line.quantity < discountFromQuantity ? [line.quantity * line.storedUnitCents] : possibleAmounts(line)
    const [low = 0] = amounts
    const high = amounts.at(-1) ?? low
    return [
      { name: nameOf({ day: line.paidOn, sku: line.sku }), lines: 1, lowCents: low, highCents: high },
      ...(line.cancelledOn === null
        ? []
        : [{ name: nameOf({ day: line.cancelledOn, sku: line.sku }), lines: -1, lowCents: -high, highCents: -low }]),
    ]
  })
  const effectsOf = Map.groupBy(effects, ({ name }) => name)
  const rows = revenue.map((row) => {
    const left = effectsOf.get(nameOf(row)) ?? []
    const sum = (of: (effect: (typeof effects)[number]) => number): number =>
      left.reduce((all, effect) => all + of(effect), 0)
    return {
      gone: Math.abs(row.lines - sum((effect) => effect.lines)),
      lowCents: sum(({ lowCents }) => lowCents),
      highCents: sum(({ highCents }) => highCents),
    }
  })
  return {
    rows: rows.length,
    rowsLost: rows.filter(({ gone, lowCents, highCents }) => gone > 0 || lowCents < highCents).length,
    linesGone: rows.reduce((all, { gone }) => all + gone, 0),
    lowCents: rows.reduce((all, row) => all + row.lowCents, 0),
    highCents: rows.reduce((all, row) => all + row.highCents, 0),
  }
}
