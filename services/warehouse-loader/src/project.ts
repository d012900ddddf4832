/**
 * Turns an order change into the row that records it. What an order is now, the warehouse sees from these rows itself
 * (the materialized view in infra/clickhouse/lane-cdc.sql).
 *
 * Invariant: the row is the same whenever the same record is read, so a repeated insert is the same row again, and the
 * table's engine keeps one of them.
 */
import type { ChangeEvent } from '@driftlab/change-event'
import { parseOrderRow, toWarehouseOrder } from '@driftlab/order'
import type { ChangeRow, WarehouseOperation } from './operations.ts'
import { timestampOf } from './timestamp.ts'

export function project(change: ChangeEvent): readonly WarehouseOperation[] {
  const { version, source } = change
  // ClickHouse has no partial rows: a delete carries the columns that the order last had.
  const order = toWarehouseOrder(parseOrderRow(change.kind === 'delete' ? change.before : change.after))
  const row: ChangeRow = {
    ...order,
    version,
    operation: change.kind,
    committed_at: timestampOf(source.committedAtMs),
    lsn: source.lsn === null ? null : String(source.lsn),
    transaction_id: source.txId,
  }
  return [{ key: `${order.id}@${version}`, version, row: JSON.stringify(row) }]
}
