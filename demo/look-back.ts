/**
 * What others remember of the demo: the dashboard how many orders differed while the loads ran, the orders services how they
 * wrote the orders that differ.
 *
 * Invariant: it adds to a result and changes no verdict; whoever does not answer leaves a gap that the result shows.
 */
import { mergeRecorded, recordedAnswerSchema, type RecordedWrites } from '@driftlab/anatomy/recorded'
import { z } from 'zod'
import type { DemoResult, LaneResult, Moment } from './result.ts'

const timeoutMs = 5_000

const pointsSchema = z.array(
  z.object({
    atMs: z.number(),
    lanes: z.record(
      z.enum(['dual-write', 'cdc']),
      z.object({ writesPerSecond: z.number().nullable(), divergedKeys: z.number().nullable() }),
    ),
  }),
)

/** As the dashboard saw it, since `startedAt`; empty when it does not answer. */
export async function readTimeline(
  dashboardUrl: string,
  { startedAt }: Pick<DemoResult, 'startedAt'>,
): Promise<Moment[]> {
  const answer = await ask(`${dashboardUrl}/api/history`)
  const points = answer === undefined ? [] : pointsSchema.parse(answer)
  return points.filter(({ atMs }) => atMs >= Date.parse(startedAt))
}

/** The examples of a lane whose service writes every store itself, each with how it was written. */
export async function withWrites(lane: LaneResult, baseUrls: readonly string[]): Promise<LaneResult> {
  const examples = lane.examples.map(async (example) => ({
    ...example,
    writes: await readWrites(example.id, baseUrls),
  }))
  return { ...lane, examples: await Promise.all(examples) }
}

async function readWrites(id: string, baseUrls: readonly string[]): Promise<RecordedWrites> {
  const answers = await Promise.all(baseUrls.map((url) => ask(`${url}/orders/${id}/writes`)))
  return mergeRecorded(answers.map((answer) => (answer === undefined ? undefined : recordedAnswerSchema.parse(answer))))
}

async function ask(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
    return response.ok ? await response.json() : undefined
  } catch {
    // A gap that the result shows.
    return undefined
  }
}
