/** Orders of a lane, written into its table past the orders service. */
import { laneNames, toRow, type OrderRow } from '@driftlab/order'
import type { Fold } from '@driftlab/order-events'
import type { Postgres } from '@driftlab/stores'

/** Of revision 1 and placed. @returns their ids. */
export async function insertOrders(postgres: Postgres, lane: string, count: number): Promise<readonly string[]> {
  const { rows } = await postgres.query<{ id: string }>(
    `insert into ${laneNames(lane).table} (id, customer_id, customer_name, items, total_cents, currency)
     select uuidv7(), 'c-' || n, 'Name ' || n,
       '[{"sku": "tea-1", "description": "Green tea, 100 g", "quantity": 2, "unitPriceCents": 450}]', 900, 'EUR'
     from generate_series(1, $1::int) n returning id::text`,
    [count],
  )
  return rows.map(({ id }) => id)
}

/** Makes the table that which the log says: the orders of a fold, and which there were and are no more. */
export async function insertRows(postgres: Postgres, schema: string, { states }: Fold): Promise<void> {
  const present: OrderRow[] = []
  const removed: OrderRow[] = []
  for (const state of states.values()) {
    if (state.kind === 'order') present.push(toRow(state.order))
    if (state.kind === 'removed-order') removed.push(toRow(state.order))
  }
  await postgres.query(`delete from "${schema}".orders`)
  await postgres.query(`truncate "${schema}".order_deletions`)
  await postgres.query(
    `insert into "${schema}".orders select * from jsonb_populate_recordset(null::"${schema}".orders, $1)`,
    [JSON.stringify(present)],
  )
  await postgres.query(
    `insert into "${schema}".order_deletions (id, revision)
     select id, revision from jsonb_populate_recordset(null::"${schema}".orders, $1)`,
    [JSON.stringify(removed)],
  )
}
