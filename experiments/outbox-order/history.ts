/** What the run writes down: every event that was committed, and every record that each reader put into the log. */
import { z } from 'zod'

/** Readers of the outbox. All but the connector are files of services/relay/src/readers. */
export const readers = ['after-id', 'horizon', 'snapshot', 'take', 'connector'] as const
export type Reader = (typeof readers)[number]

/** `mixed`: transactions of one order and of many, side by side. `service`: the orders service's own, all of one order. */
export const workloads = ['mixed', 'service'] as const
export type Workload = (typeof workloads)[number]

const event = { order: z.uuid(), revision: z.int().positive() }

export const entrySchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('committed'),
    ...event,
    /** How many orders its transaction changed. */
    transactionSize: z.int().positive(),
    /** When the writer knew. */
    atMs: z.number(),
  }),
  z.object({
    type: z.literal('published'),
    reader: z.enum(readers),
    ...event,
    /** When a consumer of the reader's topic had it. The topic has one partition, so entries of a reader are in its order. */
    atMs: z.number(),
  }),
  /** The reader published an event that was committed after all others. */
  z.object({ type: z.literal('finished'), reader: z.enum(readers) }),
  /** Of all events of one order, neighbours in its history, how often the later one has the lower number. */
  z.object({
    type: z.literal('numbering'),
    workload: z.enum(workloads),
    neighbours: z.int().nonnegative(),
    transactionIdFalls: z.int().nonnegative(),
    sequenceFalls: z.int().nonnegative(),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type Committed = Extract<Entry, { type: 'committed' }>
export type Numbering = Extract<Entry, { type: 'numbering' }>
export type Published = Extract<Entry, { type: 'published' }>
