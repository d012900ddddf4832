/** What the experiment writes down. */
import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'

export const versions = ['shipped', 'fixed'] as const
const version = z.enum(versions)
export type Version = z.output<typeof version>

/** A view against what is right, row by row. */
const comparison = z.object({
  rows: z.int(),
  differing: z.int(),
  totalCents: z.int(),
  exactCents: z.int(),
  /** Some of the rows that differ. */
  examples: z.array(
    z.object({ day: z.string(), sku: z.string(), netCents: z.int().nullable(), exactCents: z.int().nullable() }),
  ),
})
export type Comparison = z.output<typeof comparison>

export const entrySchema = z.discriminatedUnion('kind', [
  /** The view that was shipped, before anybody looked for the bug. */
  z.object({ kind: z.literal('seen'), comparison }),
  /** From the start of the fixed projection to the switch. */
  z.object({
    kind: z.literal('replayed'),
    durationMs: z.number(),
    /** Of the log, from its beginning. */
    events: z.int(),
    /** Recorded in the log meanwhile, and of those what the running view took. */
    eventsWritten: z.int(),
    eventsTakenByRunning: z.int(),
  }),
  /** By somebody who knows one name, and not what is behind it; null when the view could not be read. */
  z.object({
    kind: z.literal('read'),
    atMs: z.number(),
    found: z.object({ version, events: z.int(), totalCents: z.int() }).nullable(),
  }),
  /** When nobody writes any more. */
  z.object({ kind: z.literal('ended'), comparison }),
  /** A discounted line in the tables that were updated in place, and its list price according to the log. */
  z.object({
    kind: z.literal('line'),
    name: z.string(),
    quantity: z.int(),
    storedUnitCents: z.int(),
    listUnitCents: z.int(),
  }),
  z.object({
    kind: z.literal('in place'),
    /** Rows of revenue that are other than those of the view that was shipped, over the same orders. */
    unlikeShipped: z.int(),
    rows: z.int(),
    /** Of those: lines of theirs are gone with their orders, or one can be this or that. */
    rowsLost: z.int(),
    linesGone: z.int(),
    /** What the revenue may rightly be, as far as the lines that are there can tell, and what it is. */
    lowCents: z.int(),
    highCents: z.int(),
    exactCents: z.int(),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
