/** The orders of all cells, in PostgreSQL. */
import { laneNames, parseOrderRow, toDocument } from '@driftlab/order'
import type { Postgres, PostgresClient } from '@driftlab/stores'
import type { Step } from './plan.ts'

/** The lane whose table both connectors read. */
export const tableLane = 'cdc-ordering'
export const { schema, table } = laneNames(tableLane)

export interface Row {
  readonly revision: number
  /** As a sink that had seen its last change would have written it. */
  readonly document: string
}

/** Of revision 1 and placed. */
export async function insertOrders(postgres: Postgres, count: number): Promise<readonly string[]> {
  const { rows } = await postgres.query<{ id: string }>(
    `insert into ${table} (id, customer_id, customer_name, items, total_cents, currency)
     select uuidv7(), 'c-' || n, 'Name ' || n,
       '[{"sku": "tea-1", "description": "Green tea, 100 g", "quantity": 2, "unitPriceCents": 450}]', 900, 'EUR'
     from generate_series(1, $1::int) n returning id::text`,
    [count],
  )
  return rows.map(({ id }) => id)
}

export async function take(postgres: Postgres | PostgresClient, step: Step): Promise<void> {
  switch (step.kind) {
    case 'note':
      await postgres.query(`update ${table} set note = 'changed ' || revision where id = $1`, [step.order])
      break
    case 'status':
      await postgres.query(`update ${table} set status = $2 where id = $1`, [step.order, step.status])
      break
    case 'remove':
      await postgres.query(`delete from ${table} where id = $1`, [step.order])
      break
  }
}

/** In one transaction, so that they reach the log together. */
export async function takeTogether(postgres: Postgres, steps: readonly Step[]): Promise<void> {
  const client = await postgres.connect()
  let lost = true
  try {
    await client.query('begin')
    for (const step of steps) await take(client, step)
    await client.query('commit')
    lost = false
  } finally {
    client.release(lost)
  }
}

/** Those that exist. */
export async function readRows(postgres: Postgres, orders: readonly string[]): Promise<ReadonlyMap<string, Row>> {
  const { rows } = await postgres.query(`select * from ${table} where id = any($1::uuid[])`, [orders])
  return new Map(
    rows.map((row) => {
      const order = parseOrderRow(row)
      return [order.id, { revision: order.revision, document: JSON.stringify(toDocument(order)) }]
    }),
  )
}
