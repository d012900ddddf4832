import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'
import { rebuiltSchema } from '../laboratory/rebuild.ts'

/** Who looks, and how: by key, or with a search, which sees what was refreshed. */
export const readerNames = ['redis', 'elasticsearch', 'elasticsearch search', 'clickhouse'] as const
export type ReaderName = (typeof readerNames)[number]

export const anomalySchema = z.object({
  order: z.string(),
  /** Of two reads that followed one another. */
  kind: z.enum(['missing', 'older']),
  revisionBefore: z.int(),
  revisionThen: z.int(),
  atMs: z.number(),
})
export type Anomaly = z.output<typeof anomalySchema>

export const entrySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('load'), orders: z.int(), watched: z.int() }),
  z.object({
    kind: z.literal('fault'),
    what: z.enum(['kill -9 of the filler', 'kill -9 of a live sink']),
    /** It was at work when it was killed. */
    hit: z.boolean(),
  }),
  z.object({
    kind: z.literal('rebuilt'),
    /** `under fire`: the one that went through after the kills. The others have the machine for themselves. */
    round: z.enum(['under fire', 'alone', 'all at once']),
    ...rebuiltSchema.shape,
  }),
  z.object({
    kind: z.literal('reader'),
    reader: z.enum(readerNames),
    polls: z.int(),
    /** Polls that began within half a second before or after the store's switch. */
    pollsAtSwitch: z.int(),
    /** How often an order was newer than when it was last read. */
    progress: z.int(),
    anomalies: z.int(),
    examples: z.array(anomalySchema),
    /** Polls that got no answer, and the first of their errors. */
    failures: z.int(),
    firstFailure: z.string(),
  }),
  z.object({ kind: z.literal('writes'), changes: z.int() }),
  z.object({ kind: z.literal('audit'), verdict: z.enum(['consistent', 'diverged', 'unknown']), orders: z.int() }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
