import type { ChangeEvent, Version } from '@driftlab/change-event'
import type { WarehouseOrder } from '@driftlab/order'
import type { Operation } from '@driftlab/sink'

/** A change of an order; for a delete the columns are those before it. */
export interface ChangeRow extends WarehouseOrder {
  readonly version: Version
  readonly operation: ChangeEvent['kind']
  readonly committed_at: string
  readonly lsn: string | null
  readonly transaction_id: number | null
}

/** Every change is kept, so `key` is the order's id and the version. */
export interface WarehouseOperation extends Operation {
  /** A ChangeRow as JSON: a batch of texts is far less for the collector to copy than one of objects. */
  readonly row: string
}
