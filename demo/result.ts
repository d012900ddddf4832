/**
 * The result of a demo, as `.lab/results/demo.json` holds it. README.md describes each field for people who read the
 * file with a program; a change that could break such a program raises `schemaVersion`.
 */
import { recordedWritesSchema } from '@driftlab/anatomy/recorded'
import { z } from 'zod'

export const stores = ['redis', 'elasticsearch', 'clickhouse'] as const
export type Store = (typeof stores)[number]

export const divergenceKinds = ['missing', 'stale', 'phantom', 'resurrected', 'corrupt', 'parked'] as const
export type DivergenceKind = (typeof divergenceKinds)[number]

const count = z.number().int().nonnegative()
const latencySchema = z.object({ p50: z.number(), p99: z.number(), max: z.number() })

const storeResultSchema = z.object({
  divergences: z.record(z.enum(divergenceKinds), count),
  /**
   * From the commit in PostgreSQL to the store's acknowledgement. Null where nobody measures it: a dual write has no
   * commit time that travels with the change, its clients wait for every store (`http.latencyMs`).
   */
  latencyMs: latencySchema.nullable(),
})

const exampleSchema = z.object({
  id: z.string(),
  systemOfRecord: z.enum(['present', 'deleted', 'absent']),
  /** Of the order in the system of record; null when it is not there. */
  revision: z.number().int().nullable(),
  stores: z.record(
    z.enum(stores),
    z.object({
      /** `same`: the store is right, whatever others hold. */
      status: z.enum([...divergenceKinds, 'same', 'unobserved']),
      reason: z.string().nullable(),
      /** Of the order that the store holds; null when it holds none that can be read. */
      revision: z.number().int().nullable(),
      /** What the store holds, in its own names; null when it does not hold the order. Long texts are cut. */
      holds: z.record(z.string(), z.unknown()).nullable(),
      differences: z.array(z.object({ field: z.string(), systemOfRecord: z.unknown(), store: z.unknown() })),
    }),
  ),
  /** How its newest writes reached the stores, as the services remember it; null in a lane where the log carries them. */
  writes: recordedWritesSchema.nullable(),
})

const laneResultSchema = z.object({
  verdict: z.enum(['consistent', 'diverged', 'unknown']),
  /** Why the verdict is not surer than it is; empty for a complete audit. */
  doubts: z.array(z.string()),
  /** Orders in the system of record that were audited. */
  orders: count,
  http: z.object({
    changes: count,
    refused: count,
    partialFailures: count,
    failures: count,
    droppedOperations: count,
    latencyMs: latencySchema,
  }),
  /** How far behind the log the slowest sink was when the load ended; null for a lane without a log. */
  lag: z
    .object({
      atLoadEnd: z.object({ records: count, ms: z.number().nonnegative() }),
      drainedInMs: z.number().nonnegative(),
    })
    .nullable(),
  stores: z.record(z.enum(stores), storeResultSchema),
  examples: z.array(exampleSchema),
})

/** Once a second, as the dashboard saw it; null is what nobody knew at that moment. */
export const momentSchema = z.object({
  atMs: z.number(),
  lanes: z.record(
    z.enum(['dual-write', 'cdc']),
    z.object({ writesPerSecond: z.number().nullable(), divergedKeys: z.number().nullable() }),
  ),
})

export const demoResultSchema = z.object({
  schemaVersion: z.literal(1),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  seed: z.number().int(),
  /** Changes a second, and for how long, in each lane. */
  rate: z.number().int(),
  durationMs: z.number().int(),
  /** False when the lanes already held orders of earlier loads. */
  freshStart: z.boolean(),
  machine: z.object({
    cores: z.number().int(),
    memoryBytes: z.number().int(),
    platform: z.string(),
    node: z.string(),
  }),
  versions: z.record(z.string(), z.string()),
  /** From the first load to the end of the audit; empty when the dashboard did not answer. */
  timeline: z.array(momentSchema),
  exitCode: z.union([z.literal(0), z.literal(1), z.literal(2)]),
  lanes: z.record(z.enum(['dual-write', 'cdc']), laneResultSchema),
})

export type DemoResult = z.output<typeof demoResultSchema>
export type Moment = z.output<typeof momentSchema>
export type LaneResult = z.output<typeof laneResultSchema>
export type Example = z.output<typeof exampleSchema>
export type Lane = keyof DemoResult['lanes']

/** In the order they are driven and shown. */
export const lanes = ['dual-write', 'cdc'] as const satisfies readonly Lane[]
