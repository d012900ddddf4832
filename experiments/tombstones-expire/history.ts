import { z } from 'zod'

export const stores = ['Redis', 'Elasticsearch', 'ClickHouse'] as const

/**
 * Orders that were written, deleted, left alone for a while, and then written once more: by a change older than their
 * delete, or by a newer one.
 */
export const entrySchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('trial'),
    store: z.enum(stores),
    /** `hard delete`: the store's own delete, behind the same comparison of versions. `fence`: the sink's own store. */
    approach: z.enum(['hard delete', 'fence']),
    /** What happened between the delete and the late write. */
    meanwhile: z.string(),
    /** Whether that is what makes the store forget what this approach left of the delete. */
    forgotten: z.boolean(),
    late: z.enum(['stale', 'newer']),
    orders: z.int(),
    /** How many a reader of the store sees in the end. */
    alive: z.int(),
  }),
  z.object({
    kind: z.literal('lifetimes'),
    /** What the cache-updater sets by default. */
    redisFenceS: z.number(),
    /** How long the topic keeps a tombstone, and so lets a reader from the start learn of a delete. */
    topicTombstoneS: z.number(),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type Trial = Extract<Entry, { readonly kind: 'trial' }>
