/** What the experiment writes down, one entry for each trial, probe or reading. */
import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'

const ids = z.array(z.string())

/** Both databases, row by row, after recovery; ids where they differ. */
const comparisonSchema = z.object({
  orders: z.int(),
  onlyInOrders: ids,
  onlyInReadModel: ids,
  different: ids,
  /** Acknowledged to a client, and not there. */
  lost: ids,
  stillInDoubt: z.int(),
})
export type Comparison = z.output<typeof comparisonSchema>

const faulty = {
  trial: z.int(),
  /** Answers of the service: done, refused or unavailable, and none at all. */
  acknowledged: z.int(),
  failed: z.int(),
  indeterminate: z.int(),
  comparison: comparisonSchema,
}

const sides = z.object({ orders: z.int(), readModel: z.int() })

export const entrySchema = z.discriminatedUnion('kind', [
  z.object({
    ...faulty,
    kind: z.literal('coordinator killed'),
    afterMs: z.number(),
    /** Transactions that waited in each database once everything that the dead process had sent was done. */
    inDoubt: sides,
    /** Of those, the ones that the other database had ended already: without their being prepared, a divergence. */
    halfEnded: z.int(),
    lockedRows: sides,
    awayMs: z.number(),
    /** From the start of the new process until nothing was in doubt; most of it is the process itself. */
    recoveryMs: z.number(),
  }),
  z.object({ ...faulty, kind: z.literal('connections cut'), cuts: z.int(), inDoubtSeenMax: z.int() }),
  /** A plain UPDATE of one row, with a patience. */
  z.object({
    kind: z.literal('probe'),
    trial: z.int(),
    row: z.enum(['in doubt', 'other']),
    patienceMs: z.number(),
    outcome: z.enum(['went through', 'timed out']),
    waitedMs: z.number(),
  }),
  /** A plain UPDATE of a row in doubt that waits as long as it takes; both times from its start. */
  z.object({
    kind: z.literal('wait'),
    trial: z.int(),
    coordinatorBackAfterMs: z.number(),
    waitedMs: z.number(),
  }),
  /** 200 updates of one row of another table, then VACUUM; what it could not remove. */
  z.object({
    kind: z.literal('vacuum'),
    trial: z.int(),
    meanwhile: z.enum(['in doubt', 'recovered']),
    deadRowsLeft: z.int(),
  }),
  z.object({
    kind: z.literal('price'),
    round: z.int(),
    variant: z.enum(['order alone', 'two commits', 'two-phase commit']),
    concurrency: z.int(),
    writes: z.int(),
    durationMs: z.number(),
    p50Ms: z.number(),
    p95Ms: z.number(),
    walBytes: z.number(),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
export type Variant = EntryOf<'price'>['variant']
