/** What a run writes down: cuts, and each order as a fold and as something else has it. */
import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'

/** What is folded: domain events to states, a table's changes to its rows. */
export const logs = ['events', 'changes'] as const
export type LogName = (typeof logs)[number]

/** What the fold of a log is compared with. */
export const originals = ['change log of the lane', 'table that was captured'] as const
export type Original = (typeof originals)[number]

const digest = z.string()

export const entrySchema = z.discriminatedUnion('kind', [
  /** Folded up to the cut, written down as JSON, read again and folded on: against the fold of all. */
  z.object({
    kind: z.literal('cut'),
    log: z.enum(logs),
    /** Null: of all partitions, each cut at a place of its own. */
    partition: z.int().nonnegative().nullable(),
    /** Records before the cut, and behind it. */
    before: z.int().nonnegative(),
    after: z.int().nonnegative(),
    resumed: digest,
    whole: digest,
  }),
  z.object({
    kind: z.literal('order'),
    original: z.enum(originals),
    order: z.uuid(),
    /** Digests of its row; null: there is none. */
    folded: digest.nullable(),
    found: digest.nullable(),
  }),
  /** What the auditor says of the three stores, against the fold of the events. */
  z.object({
    kind: z.literal('audit'),
    verdict: z.enum(['consistent', 'diverged', 'unknown']),
    orders: z.int().nonnegative(),
    stores: z.array(z.string()),
    divergences: z.record(z.string(), z.int()),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
