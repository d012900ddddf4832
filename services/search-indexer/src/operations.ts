import type { OrderDocument } from '@driftlab/order'
import type { Operation } from '@driftlab/sink'

/** `key` is the document's id. */
export type SearchOperation =
  | (Operation & { readonly type: 'index'; readonly document: OrderDocument })
  /**
   * Replaces the document by a marker of the delete, which readers' alias hides. A real delete would be forgotten after
   * `index.gc_deletes`, and an older version would then come back to life (docs/adr/0001).
   */
  | (Operation & { readonly type: 'soft-delete'; readonly deletedAt: string })
