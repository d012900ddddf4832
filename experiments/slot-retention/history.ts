import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'

const audit = z.object({
  verdict: z.enum(['consistent', 'diverged', 'unknown']),
  orders: z.int(),
  doubts: z.array(z.string()),
  /** Keys, of all stores together, by the kind of their divergence. */
  divergences: z.record(z.string(), z.int()),
})

export const entrySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('fault'), what: z.string() }),
  /** What the slot keeps while nobody reads it. */
  z.object({
    kind: z.literal('retention'),
    /** Of the captured table, or of one that nobody captures; counted from when the reading stopped. */
    table: z.enum(['captured', 'other']),
    changes: z.int(),
    retainedBytes: z.number(),
    /** All of the log that was written since. */
    writtenBytes: z.number(),
  }),
  z.object({
    kind: z.literal('drain'),
    changes: z.int(),
    retainedBefore: z.number(),
    retainedAfter: z.number(),
    /** From the start of Connect until its REST interface answers. */
    connectReadyMs: z.number(),
    /** From then on, until the slot's reader has confirmed the last change. */
    drainMs: z.number(),
    audit,
  }),
  /** The slot on its way past the bound. */
  z.object({
    kind: z.literal('bound'),
    boundBytes: z.number(),
    retainedBytes: z.number().nullable(),
    walStatus: z.string(),
    invalidation: z.string().nullable(),
    afterCheckpoint: z.boolean(),
  }),
  /** What each witness says once the slot is lost. */
  z.object({
    kind: z.literal('loss'),
    connector: z.string(),
    connectorTrace: z.string(),
    audit,
  }),
  /** The lost slot was dropped and the connector started: no new snapshot was asked for. */
  z.object({ kind: z.literal('slot dropped'), connector: z.string(), connectorTrace: z.string(), audit }),
  z.object({
    kind: z.literal('gap'),
    inserted: z.int(),
    updated: z.int(),
    deleted: z.int(),
  }),
  z.object({ kind: z.literal('snapshot'), durationMs: z.number(), audit, leftInStores: z.int() }),
  z.object({ kind: z.literal('deleted again'), orders: z.int(), audit }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
export type Audit = z.output<typeof audit>
