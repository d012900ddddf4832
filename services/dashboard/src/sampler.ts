/**
 * Asks everybody once a second, whoever watches, and keeps the last ten minutes for the charts.
 *
 * Invariant: bounded: the scrapes of one window, and `pointsMax` points. A target that is slow makes one look late, never
 * two at once.
 */
import { repeat } from '@driftlab/service'
import { targetNames, type TargetName } from './lanes.ts'
import { scrape, type ScrapeOptions } from './scrape.ts'
import type { Scrape } from './scraped.ts'
import type { Point, Snapshot } from './snapshot.ts'
import { pointOf, summarize, windowMs } from './summarize.ts'

export interface Sampler {
  readonly snapshot: Snapshot | undefined
  readonly history: readonly Point[]
  stop(): Promise<void>
}

export interface SamplerOptions extends ScrapeOptions {
  readonly intervalMs: number
  readonly pointsMax: number
  readonly onSnapshot: (snapshot: Snapshot, point: Point) => void
  readonly onFailure: (error: unknown) => void
}

export function startSampler(options: SamplerOptions): Sampler {
  const history: Point[] = []
  const lastSeen: Partial<Record<TargetName, number>> = {}
  let scrapes: readonly Scrape[] = []
  let snapshot: Snapshot | undefined

  const look = async (): Promise<void> => {
    const taken = await scrape(options)
    for (const name of targetNames) if (taken.targets[name].instances.length > 0) lastSeen[name] = taken.atMs
    scrapes = [...scrapes.filter(({ atMs }) => atMs >= taken.atMs - windowMs), taken]
    snapshot = summarize(scrapes, lastSeen)
    const point = pointOf(snapshot)
    history.push(point)
    if (history.length > options.pointsMax) history.shift()
    options.onSnapshot(snapshot, point)
  }
  const repetition = repeat(look, { ...options, from: 'start' })
  return {
    get snapshot() {
      return snapshot
    },
    history,
    stop: () => repetition.stop(),
  }
}
