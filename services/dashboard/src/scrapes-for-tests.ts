/** Scrapes as tests want them: everybody answers, nothing moves, unless told otherwise. Nothing outside tests imports it. */
import type { Sample } from './exposition.ts'
import { targetNames, type TargetName } from './lanes.ts'
import type { LiveLane, Scrape, TargetAnswer } from './scraped.ts'

export function answer(text: readonly Sample[] = [], instance = 'http://127.0.0.1:1'): TargetAnswer {
  return { instances: [{ instance, samples: text }], why: '' }
}

export const down: TargetAnswer = { instances: [], why: 'nobody listens there' }

export function liveLane(lane: Partial<LiveLane> = {}): LiveLane {
  const store = { verdict: 'consistent', doubts: [], divergences: {}, divergedKeys: 0 } as const
  return {
    lookedAt: new Date(0).toISOString(),
    verdict: 'consistent',
    knownKeys: 0,
    full: false,
    waitingKeys: 0,
    stores: {
      redis: { ...store, doubts: [] },
      elasticsearch: { ...store, doubts: [] },
      clickhouse: { ...store, doubts: [] },
    },
    divergences: [],
    ...lane,
  }
}

export function scrapeAt(
  atMs: number,
  targets: Partial<Record<TargetName, TargetAnswer>> = {},
  live: Scrape['live'] = { cdc: liveLane(), 'dual-write': liveLane() },
): Scrape {
  const all = Object.fromEntries(targetNames.map((name) => [name, targets[name] ?? answer()]))
  return { atMs, targets: all as Record<TargetName, TargetAnswer>, live }
}
