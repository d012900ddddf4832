/** What the experiment writes down. */
import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'

/** Documents with everything in them, or tables in normal form that are joined when somebody asks. */
export const forms = ['view', 'join'] as const
const form = z.enum(forms)
export type Form = z.output<typeof form>

export const entrySchema = z.discriminatedUnion('kind', [
  /** From the first record of both topics until it had all that there was. */
  z.object({
    kind: z.literal('built'),
    durationMs: z.number(),
    /** Of the log, from its beginning. */
    events: z.int(),
    documentsWritten: z.int(),
    /** Recorded in the log meanwhile. */
    eventsWritten: z.int(),
    customers: z.int(),
    historyDays: z.int(),
  }),
  /** A customer gets another name, while orders come in. */
  z.object({
    kind: z.literal('renamed'),
    customerId: z.string(),
    /** That the customer has, and of those the ones with the new name, when all have it or nobody waits any longer. */
    documents: z.int(),
    reached: z.int(),
    afterMs: z.number(),
  }),
  /** When nobody writes any more: ids of orders. */
  z.object({
    kind: z.literal('compared'),
    documents: z.int(),
    missing: z.array(z.string()),
    tooMany: z.array(z.string()),
    different: z.array(z.string()),
  }),
  /** The latest purchases of one customer, read both ways. */
  z.object({ kind: z.literal('asked'), customerId: z.string(), purchases: z.int(), isSame: z.boolean() }),
  /** The same questions in the same round, one after the other. */
  z.object({ kind: z.literal('reads'), round: z.int(), form, reads: z.int(), p50Ms: z.number(), p99Ms: z.number() }),
  /** What one new name costs when it is written. */
  z.object({
    ...{ kind: z.literal('rename cost'), form, customerId: z.string(), documents: z.int() },
    ...{ rowsWritten: z.int(), walBytes: z.number(), durationMs: z.number() },
  }),
  z.object({ kind: z.literal('size'), form, bytes: z.number() }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
