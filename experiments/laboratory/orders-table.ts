/** Orders of a lane, written into its table past the orders service. */
import { laneNames } from '@driftlab/order'
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
