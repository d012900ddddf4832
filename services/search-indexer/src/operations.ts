import type { Operation } from '@driftlab/sink'

/** `key` is the document's id. */
export type SearchOperation =
  /** `document` is its JSON text: a batch of texts is far less for the collector to copy than one of objects. */
  | (Operation & { readonly type: 'index'; readonly document: string })
  /**
   * Replaces the document by a marker of the delete, which readers' alias hides. A real delete would be forgotten after
   * `index.gc_deletes`, and an older version would then come back to life (docs/adr/0001).
   */
  | (Operation & { readonly type: 'soft-delete'; readonly deletedAt: string })
