/** What a run writes down: what compaction left of each key, and what readers make of it. */
import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'

export const topics = ['events', 'change log'] as const
export type Topic = (typeof topics)[number]

export const entrySchema = z.discriminatedUnion('kind', [
  /** Records, tombstones too, of all keys that were there before the topic was compacted. */
  z.object({
    kind: z.literal('topic'),
    topic: z.enum(topics),
    before: z.int().nonnegative(),
    after: z.int().nonnegative(),
  }),
  z.object({
    kind: z.literal('key'),
    key: z.string(),
    of: z.enum(['order', 'stock']),
    /** The types of its events, before and after. */
    events: z.array(z.string()),
    left: z.array(z.string()),
    /** Why a reader that follows the chain cannot read on; null when it can. */
    refusedFor: z.string().nullable(),
    /** Digests of its state: as it was, and as a reader has it that adds up what is left without a question. */
    state: z.string(),
    added: z.string(),
    /** In words, what that reader takes it for. */
    takenFor: z.string(),
    /** Of the order in the compacted change log: digests of its row. Null: there is none, or it is a stock's. */
    row: z.string().nullable(),
    told: z.string().nullable(),
  }),
  z.object({
    kind: z.literal('processor'),
    /** What it knew of the log when it started. */
    state: z.enum(['kept', 'lost']),
    decides: z.boolean(),
    /** Its last words, when it has ended. */
    says: z.string(),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
