/** What the run writes down: one entry for each scenario and capture, each write of a user, each round of the load. */
import { z } from 'zod'

/** `log-default`: Debezium as it comes, with TRUNCATE among the operations that it skips. */
export const captures = ['triggers', 'log', 'log-default'] as const
export type Capture = (typeof captures)[number]

/** `none`: the same table, with nobody capturing it. */
export const variants = ['none', 'triggers', 'log'] as const
export type Variant = (typeof variants)[number]

export const scenarioNames = [
  'an update',
  'COPY',
  'session_replication_role = replica, trigger ENABLE ALWAYS',
  'session_replication_role = replica, trigger as it comes',
  'DISABLE TRIGGER',
  'TRUNCATE',
  'an added column, then an update of it',
  'an added column, by a trigger that lists its columns',
  'an added column with a default, and no update',
  'an update while the capture is down',
] as const
export type ScenarioName = (typeof scenarioNames)[number]

export const entrySchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('scenario'),
    scenario: z.enum(scenarioNames),
    capture: z.enum(captures),
    /** Rows that the scenario inserted, changed or removed in the system of record. */
    changedRows: z.int().nonnegative(),
    /** Changes of these rows that came. */
    delivered: z.int().nonnegative(),
    /** Records that tell of a TRUNCATE; they have no key and no row. */
    truncates: z.int().nonnegative(),
    /** Rows of which somebody who applied every change would now hold something else than the system of record. */
    wrong: z.array(z.uuid()),
  }),
  z.object({
    type: z.literal('trigger-state'),
    after: z.literal('DISABLE TRIGGER ALL, ENABLE TRIGGER ALL'),
    /** PostgreSQL's letters: A fires always, O in ordinary sessions only. */
    was: z.string(),
    became: z.string(),
  }),
  /** What became of a connector that does not skip TRUNCATE when its topic is compacted. */
  z.object({
    type: z.literal('compacted'),
    state: z.enum(['running', 'failed']),
    reason: z.string().nullable(),
  }),
  z.object({
    type: z.literal('write'),
    broken: z.enum(['nothing', 'triggers', 'log']),
    outcome: z.enum(['committed', 'refused']),
    code: z.string().nullable(),
  }),
  z.object({
    type: z.literal('load'),
    round: z.int().nonnegative(),
    variant: z.enum(variants),
    changes: z.int().positive(),
    durationMs: z.number().positive(),
    p50Ms: z.number().nonnegative(),
    p99Ms: z.number().nonnegative(),
    walBytes: z.number().positive(),
  }),
])
export type Entry = z.output<typeof entrySchema>
export type ScenarioEntry = Extract<Entry, { type: 'scenario' }>
export type LoadEntry = Extract<Entry, { type: 'load' }>
