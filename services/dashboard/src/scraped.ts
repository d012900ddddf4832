/** What one look at everybody gave, as data. It asks nobody: see scrape.ts. */
import { z } from 'zod'
import type { Sample } from './exposition.ts'
import type { LaneName, TargetName } from './lanes.ts'

export interface InstanceAnswer {
  /** Tells one instance from another, so that their counters are never mixed up. */
  readonly instance: string
  readonly samples: readonly Sample[]
}

export interface TargetAnswer {
  readonly instances: readonly InstanceAnswer[]
  /** What went wrong, of the instances that did not answer; empty when all did. */
  readonly why: string
}

const verdictSchema = z.enum(['consistent', 'diverged', 'unknown'])
/** Of `GET /divergences` of the auditor, one lane. */
export const liveLaneSchema = z.object({
  lookedAt: z.iso.datetime().nullable(),
  verdict: verdictSchema,
  knownKeys: z.number(),
  full: z.boolean(),
  waitingKeys: z.number(),
  stores: z.record(
    z.string(),
    z.object({
      verdict: verdictSchema,
      doubts: z.array(z.string()),
      divergences: z.record(z.string(), z.number()),
      divergedKeys: z.number(),
    }),
  ),
  divergences: z.array(
    z.object({
      key: z.string(),
      firstSeenAt: z.iso.datetime(),
      lastSeenAt: z.iso.datetime(),
      stores: z.record(z.string(), z.string()),
    }),
  ),
})
export type LiveLane = z.output<typeof liveLaneSchema>
export interface Scrape {
  readonly atMs: number
  readonly targets: Readonly<Record<TargetName, TargetAnswer>>
  /** What the auditor follows; a lane that it does not is absent. */
  readonly live: Readonly<Partial<Record<LaneName, LiveLane>>>
}
