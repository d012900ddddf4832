import type { Operation } from '@driftlab/sink'

/** `key` is the Redis key. */
export type CacheOperation =
  | (Operation & { readonly type: 'put'; readonly document: string })
  /** Leaves the version behind, so that an older put cannot bring the document back. */
  | (Operation & { readonly type: 'remove' })
