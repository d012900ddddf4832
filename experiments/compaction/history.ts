import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'
import { storeNames } from '../../services/rebuild/src/generation.ts'
import { comparisonSchema, rebuiltSchema } from '../laboratory/rebuild.ts'

export const entrySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('load'), orders: z.int(), updates: z.int(), hotOrders: z.int(), deleted: z.int() }),
  z.object({ kind: z.literal('fault'), what: z.string() }),
  /** The topic, read from its start to its end. */
  z.object({
    kind: z.literal('topic'),
    when: z.enum(['before', 'after']),
    records: z.int(),
    /** Records with a later one of their key. */
    superseded: z.int(),
    /** Keys whose last record is a row. */
    keys: z.int(),
    /** Keys whose last record is a tombstone. */
    ended: z.int(),
    /** Of its segments on the broker's disk. */
    bytes: z.int(),
  }),
  z.object({
    kind: z.literal('compaction'),
    /** Records that were written so that the segments before them are closed; no cleaner touches the open ones. */
    closing: z.int(),
    /** From then on until it was done, or was waited for no longer. */
    waitedMs: z.number(),
  }),
  z.object({
    kind: z.literal('database'),
    when: z.enum(['before the rebuild', 'after the rebuild']),
    answers: z.boolean(),
  }),
  z.object({ kind: z.literal('rebuilt'), ...rebuiltSchema.shape }),
  z.object({ kind: z.literal('compared'), ...comparisonSchema.shape }),
  /** Of the deleted orders, how many a reader of the rebuilt store sees. */
  z.object({ kind: z.literal('deleted'), store: z.enum(storeNames), orders: z.int(), alive: z.int() }),
  z.object({ kind: z.literal('audit'), verdict: z.enum(['consistent', 'diverged', 'unknown']), orders: z.int() }),
  z.object({
    kind: z.literal('pace'),
    what: z.enum(['rebuild', 'snapshot']),
    rows: z.int(),
    /** From the command until the last row was where it should be. */
    totalMs: z.number(),
    /** The part of it until the first row was read. */
    firstMs: z.number(),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
