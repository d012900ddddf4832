/** What a run writes down: states of the past as the log and as a client has them, and what became of logs tampered with. */
import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'

/** What is done to one record of a copy of a partition. */
export const tamperings = [
  'value changed',
  'value changed, sealed again',
  'event removed',
  'event inserted',
  'two events swapped',
  'end cut off',
  'sealed again to the end',
] as const
export type Tampering = (typeof tamperings)[number]

/** After these the chain is whole again, and only who knows its end can tell. */
export const unseenByChain: readonly Tampering[] = ['end cut off', 'sealed again to the end']

const offset = z.int().nonnegative()

export const entrySchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('travel'),
    partition: z.int().nonnegative(),
    /** One past the last record that the traveller reads. */
    to: offset,
    /** Events up to there, those of a command that is cut left out. */
    events: z.int().nonnegative(),
    keys: z.int().nonnegative(),
    /** Digests of the state of all keys. */
    folded: z.string(),
    kept: z.string(),
    /** At most a few. */
    differing: z.array(z.string()),
  }),
  /** A log that nobody has touched: all of a partition, or its beginning. */
  z.object({
    kind: z.literal('untouched'),
    partition: z.int().nonnegative(),
    events: z.int().nonnegative(),
    accused: z.object({ offset, reason: z.string() }).nullable(),
  }),
  z.object({
    kind: z.literal('tampered'),
    how: z.enum(tamperings),
    partition: z.int().nonnegative(),
    events: z.int().nonnegative(),
    key: z.string(),
    /** Where the copy first differs from a log that could have been written; null when its chain is whole. */
    expected: offset.nullable(),
    /** Whom the chain accuses. */
    accused: z.object({ offset, reason: z.string() }).nullable(),
    /** Keys whose end is another than the one that was kept elsewhere; null: the chain was broken before that. */
    otherEnds: z.array(z.string()).nullable(),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
