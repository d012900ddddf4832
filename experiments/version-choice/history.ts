/** What the run writes down: every record of the topics, what each guard made of it, and how each key ended. */
import { z } from 'zod'

/** In which old and new changes of one key meet. */
export const situations = ['redelivery', 'incremental snapshot', 'at-least-once', 'exactly-once', 'new topic'] as const
export type Situation = (typeof situations)[number]

/**
 * What the version of a write could be made of. `arrival` is no guard: whatever comes is newer than what was there. `pair`
 * is Debezium's sequence, a commit and a position; there may be no commit in it, which is then older than any, or, where it
 * is `filled in`, the position itself.
 */
export const guards = [
  ...(['arrival', 'lsn', 'pair', 'pair, filled in', 'clock', 'revision'] as const),
  ...(['offset', 'epoch and offset'] as const),
] as const
export type Guard = (typeof guards)[number]

const situation = z.enum(situations)
/** Which topic of that name it is: a topic that is made anew is the next one. */
const topicNumber = z.int().nonnegative()
const place = { topicNumber, partition: z.int().nonnegative(), offset: z.int().nonnegative() }
const lsn = z.int().nonnegative().nullable()

const recordSchema = z.object({
  kind: z.literal('record'),
  situation,
  ...place,
  key: z.uuid(),
  /** What the writer did with this key. */
  story: z.string(),
  op: z.enum(['r', 'c', 'u', 'd']),
  /** `incremental`, or what else Debezium says. */
  snapshot: z.string(),
  /** The how manyeth state of its key this is, as the writer counted: the truth, whatever any guard says. */
  step: z.int().positive(),
  lsn,
  /** `source.sequence`: the last commit that the connector had passed, and the position. */
  sequence: z.tuple([lsn, lsn]),
  tsUs: z.int().positive(),
  /** Of a delete: that of the row which it removes. */
  revision: z.int().positive(),
})

export const entrySchema = z.discriminatedUnion('kind', [
  recordSchema,
  z.object({ kind: z.literal('fault'), situation, what: z.string() }),
  /** One write, in the order in which the writes came. `taken`: the store did not refuse it as stale. */
  z.object({ kind: z.literal('delivery'), situation, guard: z.enum(guards), ...place, taken: z.boolean() }),
  /** The step that a reader sees when all is done; null where there is no order. */
  z.object({
    kind: z.literal('end'),
    situation,
    guard: z.enum(guards),
    key: z.uuid(),
    story: z.string(),
    inStore: z.int().nullable(),
    inDatabase: z.int().nullable(),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type Recorded = z.output<typeof recordSchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
export type Place = Pick<Recorded, 'topicNumber' | 'partition' | 'offset'>

export const placeOf = ({ topicNumber, partition, offset }: Place): string => `${topicNumber}/${partition}/${offset}`

export function entriesOf<Kind extends Entry['kind']>(
  history: readonly Entry[],
  kind: Kind,
  situation: Situation,
): readonly EntryOf<Kind>[] {
  return history.filter((entry): entry is EntryOf<Kind> => entry.kind === kind && entry.situation === situation)
}
