/** What a run writes down: the log, what a frozen sink had in its hands, and each order as PostgreSQL and a cell have it. */
import { z } from 'zod'

/** The key of the topic that a cell reads. */
export const keyings = ['id', 'status'] as const
export type Keying = (typeof keyings)[number]

/**
 * `live`: nothing fails. `backlog`: the sinks were stopped, as for a deploy, and catch up. `zombie`: an instance is frozen
 * with a write in its hands until the other one has taken over.
 */
export const situations = ['live', 'backlog', 'zombie'] as const
export type Situation = (typeof situations)[number]

/** Which of the four ways. */
export interface CellName {
  readonly keying: Keying
  readonly guarded: boolean
}
export const cells: readonly CellName[] = keyings.flatMap((keying) =>
  [true, false].map((guarded) => ({ keying, guarded })),
)

const cell = { keying: z.enum(keyings), guarded: z.boolean() }
const revision = z.int().positive()
/** Null: there is no such order. */
const state = revision.nullable()

export const entrySchema = z.discriminatedUnion('type', [
  /** A change in the log, tombstones left out. Of a delete, the revision that it removed. */
  z.object({
    type: z.literal('change'),
    keying: z.enum(keyings),
    order: z.uuid(),
    kind: z.enum(['snapshot', 'insert', 'update', 'delete']),
    revision,
    partition: z.int().nonnegative(),
    offset: z.int().nonnegative(),
  }),
  /** A write that had left a frozen sink and not reached the store, as of the moment before it did. */
  z.object({
    type: z.literal('held'),
    ...cell,
    order: z.uuid(),
    revision,
    /** What the sink that took over had written meanwhile. */
    stored: state,
    /** What PostgreSQL held. */
    row: state,
  }),
  /** An order when everything was at rest. */
  z.object({
    type: z.literal('outcome'),
    ...cell,
    situation: z.enum(situations),
    order: z.uuid(),
    row: state,
    stored: state,
    /** Whether they agree in every value, or on there being none. */
    equal: z.boolean(),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type Change = Extract<Entry, { type: 'change' }>
export type Held = Extract<Entry, { type: 'held' }>
export type Outcome = Extract<Entry, { type: 'outcome' }>
