/**
 * Turns an order change into two rows: the order's new version, and the change itself for the history.
 *
 * Invariant: both rows are the same whenever the same record is read, so a repeated insert is the same row again, and
 * the table's engine keeps one of them.
 */
import type { ChangeEvent } from '@driftlab/change-event'
import { parseOrderRow, toWarehouseOrder } from '@driftlab/order'
import type { WarehouseOperation } from './operations.ts'
import { timestampOf } from './timestamp.ts'

export function project(change: ChangeEvent): readonly WarehouseOperation[] {
  const { version, source } = change
  // ClickHouse has no partial rows: a deleted version carries the columns that the order last had.
  const order = toWarehouseOrder(parseOrderRow(change.kind === 'delete' ? change.before : change.after))
  return [
    {
      type: 'version',
      key: `row:${order.id}`,
      version,
      row: { ...order, version, deleted: change.kind === 'delete' ? 1 : 0 },
    },
    {
      type: 'change',
      key: `change:${order.id}:${version}`,
      version,
      row: {
        ...order,
        version,
        operation: change.kind,
        committed_at: timestampOf(source.committedAtMs),
        lsn: source.lsn === null ? null : String(source.lsn),
        transaction_id: source.txId,
      },
    },
  ]
}
