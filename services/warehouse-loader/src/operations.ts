import type { ChangeEvent, Version } from '@driftlab/change-event'
import type { WarehouseOrder } from '@driftlab/order'
import type { Operation } from '@driftlab/sink'

/** A version of an order; readers see the highest one, unless that is a delete. */
export interface VersionRow extends WarehouseOrder {
  readonly version: Version
  readonly deleted: 0 | 1
}

/** A change of an order; for a delete the columns are those before it. */
export interface ChangeRow extends WarehouseOrder {
  readonly version: Version
  readonly operation: ChangeEvent['kind']
  readonly committed_at: string
  readonly lsn: string | null
  readonly transaction_id: number | null
}

export type WarehouseOperation =
  /** `key` is `row:<id>`: of several in a batch only the last is written. */
  | (Operation & { readonly type: 'version'; readonly row: VersionRow })
  /** `key` is `change:<id>:<version>`: every change is kept. */
  | (Operation & { readonly type: 'change'; readonly row: ChangeRow })
