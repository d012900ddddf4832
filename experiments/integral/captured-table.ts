/** A table of orders that Debezium captures, and changes of it: the original of a change log. */
import type { ChangeEvent } from '@driftlab/change-event'
import { connectLog } from '@driftlab/kafka'
import { laneNames, orderRecords, parseOrderRow, toDocument, type OrderDocument } from '@driftlab/order'
import { createLane, dropLane } from '../../infra/postgres/lane.ts'
import { readChanges } from '../laboratory/change-log.ts'
import { openConnector } from '../laboratory/connector.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { pick, type Dice } from '../laboratory/order-commands.ts'
import { insertOrders } from '../laboratory/orders-table.ts'

export const tableLane = 'cdc-integral'
const { schema, table } = laneNames(tableLane)

export interface Captured {
  /** In the order of each partition. */
  readonly changes: readonly ChangeEvent[]
  /** Of all orders that there ever were. */
  readonly ids: readonly string[]
  /** The table itself, when the last change was in the topic. */
  readonly rows: ReadonlyMap<string, OrderDocument>
}

/** Inserts, updates and deletes orders, each in a transaction of its own. Resolves when the topic has all of it. */
export async function captureTable(
  laboratory: Laboratory,
  { orders, changes, ...dice }: Dice & { readonly orders: number; readonly changes: number },
): Promise<Captured> {
  const { postgres, url } = laboratory
  await dropLane(postgres, schema)
  laboratory.atEnd(() => dropLane(postgres, schema))
  await createLane(postgres, schema)
  const connector = await openConnector(laboratory, { name: tableLane, schema })
  const admin = await connectLog({ brokers: [url.kafkaBrokers], clientId: tableLane }).connectAdmin()
  laboratory.atEnd(() => admin.close())

  const ids = await insertOrders(postgres, tableLane, orders)
  const present = [...ids]
  for (let change = 0; change < changes; change += 1) {
    const id = pick(dice, present)
    if (dice.random() < 0.05 && present.length > 1) {
      await postgres.query(`delete from ${table} where id = $1`, [id])
      present.splice(present.indexOf(id), 1)
    } else {
      await postgres.query(`update ${table} set note = $2 where id = $1`, [id, `change ${change}`])
    }
  }
  const captured = await readChanges(admin, connector.topic, orderRecords(tableLane).debezium, orders + changes)
  const { rows } = await postgres.query(`select * from ${table}`)
  const documents = rows.map((row) => toDocument(parseOrderRow(row)))
  return { changes: captured, ids, rows: new Map(documents.map((order) => [order.id, order])) }
}
