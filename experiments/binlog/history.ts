/** What a run records: what was done, and what was then seen in each place. */
import { z } from 'zod'
import { derivedStores } from '../../services/orders/src/derived-stores/derived-store.ts'

export const lanes = { postgresql: 'cdc', mariadb: 'binlog' } as const
const database = z.enum(['postgresql', 'mariadb'])
const store = z.enum(derivedStores)

/** `plan`: all of it is written. `gap`: and what was written while the connector had lost its place, and a new snapshot. */
const moment = z.enum(['plan', 'gap'])
export type Moment = z.output<typeof moment>

/** An order as a document; a field may be anything, in a store that went wrong. */
const document = z.record(z.string(), z.unknown())
export type Held = z.output<typeof document>

const count = z.int().nonnegative()
const counts = z.object({ snapshot: count, insert: count, update: count, delete: count })
export type Counts = z.output<typeof counts>

export const entrySchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('transaction'),
    database,
    client: count,
    kinds: z.array(z.enum(['insert', 'update', 'delete'])),
    outcome: z.enum(['committed', 'rolled-back']),
    /** How MariaDB's connector comes to see it: it was registered later, it was there, or the binlog was purged. */
    seen: z.enum(['by-snapshot', 'by-stream', 'not']),
  }),
  z.object({ type: z.literal('versions'), mariadb: z.string(), debezium: z.string() }),
  z.object({ type: z.literal('fault'), fault: z.enum(['connect-killed', 'binlog-rotated', 'binlog-purged']) }),
  /** Orders that were there when MariaDB's connector was registered. */
  z.object({ type: z.literal('registered'), orders: count }),
  /** Whether every sink passed the last record before the deadline. */
  z.object({ type: z.literal('settled'), moment, database, settled: z.boolean(), why: z.string() }),
  /** What was on the topic, by kind, when all of the plan was. */
  z.object({ type: z.literal('topic'), database, counts, tombstone: count, marker: count, poison: count }),
  z.object({ type: z.literal('parked'), database, records: count }),
  z.object({ type: z.literal('truth'), moment, database, key: z.string(), document }),
  z.object({ type: z.literal('copy'), moment, database, store, key: z.string(), document }),
  /** The connector was started again after its place in the binlog had been purged. */
  z.object({ type: z.literal('returned'), ended: z.enum(['failed', 'went-on', 'neither']), trace: z.string() }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Type extends Entry['type']> = Extract<Entry, { type: Type }>

export function entriesOf<Type extends Entry['type']>(history: readonly Entry[], type: Type): readonly EntryOf<Type>[] {
  return history.filter((entry): entry is EntryOf<Type> => entry.type === type)
}
