import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'

export const entrySchema = z.discriminatedUnion('kind', [
  /** Of one request, asked again under its key until it was decided. */
  z.object({
    kind: z.literal('request'),
    /** Of the order, when it was placed. */
    orderId: z.string().nullable(),
    answer: z.enum(['placed', 'refused', 'undecided']),
    attempts: z.int(),
  }),
  z.object({
    kind: z.literal('fault'),
    processor: z.string(),
    what: z.enum(['kill -9', 'frozen', 'started', 'thawed']),
  }),
  /** What the log says of each order, when all is decided. */
  z.object({ kind: z.literal('order'), orderId: z.string(), placedTimes: z.int(), cancelled: z.boolean() }),
  z.object({
    kind: z.literal('stock'),
    sku: z.string(),
    receivedUnits: z.int(),
    reservedUnits: z.int(),
    /** Of orders that were placed, and not cancelled. */
    soldUnits: z.int(),
  }),
  z.object({
    kind: z.literal('log'),
    commands: z.int(),
    outcomes: z.int(),
    events: z.int(),
    /** Commands that left events more than once under one key. */
    doubledCommands: z.array(z.string()),
    /** Why the log cannot be folded; null when it can. */
    broken: z.string().nullable(),
  }),
  z.object({
    kind: z.literal('audit'),
    verdict: z.enum(['consistent', 'diverged', 'unknown']),
    orders: z.int(),
    divergences: z.int(),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
