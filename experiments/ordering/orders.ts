/** The orders of all cells, in PostgreSQL. */
import { laneNames, parseOrderRow, toDocument } from '@driftlab/order'
import type { Postgres, PostgresClient } from '@driftlab/stores'
import { inTransaction } from '../../services/orders/src/transactions.ts'
import type { Step } from './plan.ts'

/** The lane whose table both connectors read. */
export const tableLane = 'cdc-ordering'
export const { schema, table } = laneNames(tableLane)

export interface Row {
  readonly revision: number
  /** As a sink that had seen its last change would have written it. */
  readonly document: string
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
  await inTransaction(postgres, async (client) => {
    for (const step of steps) await take(client, step)
  })
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
