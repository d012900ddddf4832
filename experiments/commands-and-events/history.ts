/** What a run writes down: each outcome, each event, what is held in the end, and what consumers made of the events. */
import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'

/** `takes all`: as it must. The others refuse events by a rule of their own. */
export const consumers = [
  'takes all',
  'takes all, too',
  'rejects cancellations of what is paid',
  'rejects reservations of the last units',
] as const
export type Consumer = (typeof consumers)[number]

const place = { partition: z.int().nonnegative(), offset: z.int().nonnegative() }

export const entrySchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('outcome'),
    ...place,
    commandId: z.string(),
    key: z.string(),
    repeated: z.boolean(),
    status: z.string(),
    refusal: z.string().nullable(),
  }),
  z.object({
    kind: z.literal('event'),
    ...place,
    key: z.string(),
    type: z.string(),
    commandId: z.string(),
    /** By how much it changes a stock; null for events of orders. */
    units: z.object({ received: z.int(), reserved: z.int() }).nullable(),
  }),
  /** Limited goods that an order holds when everything is decided. */
  z.object({ kind: z.literal('held'), order: z.string(), key: z.string(), units: z.int() }),
  z.object({ kind: z.literal('processor'), name: z.string(), events: z.int().nonnegative() }),
  /** The state of one key as a consumer has it in the end. */
  z.object({
    kind: z.literal('view'),
    consumer: z.enum(consumers),
    key: z.string(),
    digest: z.string(),
    rejected: z.int().nonnegative(),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
