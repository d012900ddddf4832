/**
 * What others remember of the demo: the dashboard how many orders differed while the loads ran, the orders services how they
 * wrote the orders that differ.
 *
 * Invariant: it adds to a result and changes no verdict; whoever does not answer leaves a gap that the result shows.
 */
import { readRecorded } from '@driftlab/anatomy/recorded'
import { z } from 'zod'
import { momentSchema, type DemoResult, type LaneResult, type Moment } from './result.ts'

const timeoutMs = 5_000

/** As the dashboard saw it, since `startedAt`; empty when it does not answer. */
export async function readTimeline(
  dashboardUrl: string,
  { startedAt }: Pick<DemoResult, 'startedAt'>,
): Promise<Moment[]> {
  let points: Moment[]
  try {
    points = z.array(momentSchema).parse(await readJson(`${dashboardUrl}/api/history`))
  } catch {
    // A gap that the result shows.
    return []
  }
  return points.filter(({ atMs }) => atMs >= Date.parse(startedAt))
}

/** The examples of a lane whose service writes every store itself, each with how it was written. */
export async function withWrites(lane: LaneResult, baseUrls: readonly string[]): Promise<LaneResult> {
  const examples = lane.examples.map(async (example) => ({
    ...example,
    writes: await readRecorded(baseUrls, example.id, readJson),
  }))
  return { ...lane, examples: await Promise.all(examples) }
}

async function readJson(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  return await response.json()
}
