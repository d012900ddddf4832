/** What a run writes down: the log, and the state of each replica after every event of it. */
import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'

/** Where a replica takes from what an event does not say: the log alone, or something else in one place. */
export const codes = ['the log alone', 'the clock', 'a random number', 'the order of arrival'] as const
export type Code = (typeof codes)[number]

const offset = z.int().nonnegative()
const partition = z.int().nonnegative()

export const entrySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('event'), partition, offset, type: z.string(), key: z.string() }),
  /** Events that a replica was given together, and the digest of its state of the partition after each of them. */
  z.object({
    kind: z.literal('batch'),
    replica: z.string(),
    code: z.enum(codes),
    partition,
    offsets: z.array(offset),
    digests: z.array(z.string()),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
