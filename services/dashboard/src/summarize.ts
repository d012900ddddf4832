/**
 * Makes a snapshot out of the last few scrapes. Pure: it knows no clock and asks nobody.
 *
 * Rates are what a counter rose by between the first and the last scrape of the window in which the same instance
 * answered; a counter that was set back (its process is new) begins again.
 */
import { select, sum, type Sample } from './exposition.ts'
import { between, quantile, type Buckets } from './histogram.ts'
import {
  laneKinds,
  laneNames,
  ordersOf,
  sinkOf,
  storeNames,
  targetNames,
  type LaneName,
  type StoreName,
  type TargetName,
} from './lanes.ts'
import type { LiveLane, Scrape } from './scraped.ts'
import type { LaneSnapshot, Point, Snapshot, StoreSnapshot, TargetSnapshot } from './snapshot.ts'

/** Of rates: long enough to be steady, short enough to see a fault at once. */
const rateWindowMs = 4_500
/** Of quantiles, which need more to be made of. */
export const windowMs = 10_500

const writeMethods = new Set(['POST', 'PATCH', 'DELETE'])

/** @param scrapes oldest first, at least one. @param lastSeen when each target last answered, this scrape included. */
export function summarize(
  scrapes: readonly Scrape[],
  lastSeen: Readonly<Partial<Record<TargetName, number>>>,
): Snapshot {
  const now = scrapes.at(-1)
  if (now === undefined) throw new RangeError('There is nothing to summarize')
  const targets = Object.fromEntries(
    targetNames.map((name): [TargetName, TargetSnapshot] => {
      const { instances, why } = now.targets[name]
      const state = instances.length > 0 ? 'up' : 'down'
      return [
        name,
        { state, instances: instances.length, asOfMs: lastSeen[name] ?? null, why: state === 'up' ? '' : why },
      ]
    }),
  ) as Record<TargetName, TargetSnapshot>
  const lanes = Object.fromEntries(
    laneNames.map((lane): [LaneName, LaneSnapshot] => [lane, summarizeLane(lane, scrapes, now)]),
  ) as Record<LaneName, LaneSnapshot>
  return { atMs: now.atMs, targets, lanes }
}

export function pointOf({ atMs, lanes }: Snapshot): Point {
  const perStore = (lane: LaneName, pick: (store: StoreSnapshot) => number | null) =>
    Object.fromEntries(storeNames.map((store) => [store, pick(lanes[lane].stores[store])])) as Record<
      StoreName,
      number | null
    >
  return {
    atMs,
    lanes: Object.fromEntries(
      laneNames.map((lane) => [
        lane,
        {
          writesPerSecond: lanes[lane].writesPerSecond,
          divergedKeys: lanes[lane].divergedKeys,
          lagRecords: perStore(lane, ({ lagRecords }) => lagRecords),
          visibleMsP99: perStore(lane, ({ visibleMs }) => visibleMs?.p99 ?? null),
        },
      ]),
    ) as Point['lanes'],
  }
}

function summarizeLane(lane: LaneName, scrapes: readonly Scrape[], now: Scrape): LaneSnapshot {
  const orders = ordersOf[lane]
  const requests = 'driftlab_orders_request_duration_seconds_count'
  const isWrite = ({ labels }: Sample): boolean => writeMethods.has(labels['method'] ?? '')
  const succeeded = (sample: Sample): boolean => isWrite(sample) && /^2/u.test(sample.labels['status'] ?? '')
  const failed = (sample: Sample): boolean => isWrite(sample) && /^5/u.test(sample.labels['status'] ?? '')
  const live = now.live[lane]
  const slot = select(samplesOf(now, 'auditor'), 'driftlab_slot_state', { lane }).find(({ value }) => value === 1)
  const throughLog = laneKinds[lane] === 'through the log'
  return {
    verdict: live?.verdict ?? 'unknown',
    writesPerSecond: rateOf(scrapes, orders, (samples) => sumOrZero(select(samples, requests).filter(succeeded))),
    failuresPerSecond: rateOf(scrapes, orders, (samples) => sumOrZero(select(samples, requests).filter(failed))),
    partialWrites: throughLog ? null : sum(select(samplesOf(now, orders), 'driftlab_orders_dual_write_failures_total')),
    divergedKeys: live?.knownKeys ?? null,
    full: live?.full ?? false,
    waitingKeys: live?.waitingKeys ?? null,
    lookedAtMs: live === undefined || live.lookedAt === null ? null : Date.parse(live.lookedAt),
    slot:
      slot === undefined
        ? null
        : {
            state: slot.labels['state'] ?? 'unknown',
            unconfirmedBytes: sum(select(samplesOf(now, 'auditor'), 'driftlab_slot_unconfirmed_wal_bytes', { lane })),
          },
    stores: Object.fromEntries(
      storeNames.map((store) => [store, summarizeStore(lane, store, scrapes, now, live)]),
    ) as Record<StoreName, StoreSnapshot>,
    divergences: live?.divergences ?? [],
  }
}

function summarizeStore(
  lane: LaneName,
  store: StoreName,
  scrapes: readonly Scrape[],
  now: Scrape,
  live: LiveLane | undefined,
): StoreSnapshot {
  const judged = live?.stores[store]
  const shared = {
    verdict: judged?.verdict ?? 'unknown',
    doubts: judged?.doubts ?? [],
    divergedKeys: judged?.divergedKeys ?? null,
    divergences: judged?.divergences ?? {},
  }
  if (laneKinds[lane] === 'by the request') {
    return {
      ...shared,
      lagRecords: null,
      appliedPerSecond: null,
      visibleMs: null,
      sinkState: null,
      parkedRecords: null,
    }
  }
  const sink = sinkOf[store]
  const samples = samplesOf(now, sink)
  // A sink that is down measures nothing, and one that stands still leaves its lag as it was: hence the look from outside.
  const seenFromOutside = sum(select(samplesOf(now, 'auditor'), 'driftlab_group_lag_records', { lane, store }))
  return {
    ...shared,
    lagRecords: larger(sum(select(samples, 'sink_lag_records')), seenFromOutside),
    appliedPerSecond: rateOf(scrapes, sink, (each) => sum(select(each, 'sink_changes_applied_total'))),
    visibleMs: visibleMsOf(scrapes, sink),
    sinkState: select(samples, 'sink_state').find(({ value }) => value === 1)?.labels['state'] ?? null,
    parkedRecords: sum(select(samples, 'sink_changes_parked_total')),
  }
}

function larger(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other)
}

function samplesOf(scrape: Scrape, target: TargetName): readonly Sample[] {
  return scrape.targets[target].instances.flatMap(({ samples }) => samples)
}

function sumOrZero(samples: readonly Sample[]): number {
  return sum(samples) ?? 0
}

/** Of each instance that answers now: its reading in every scrape of the window, oldest first. */
function readings<Reading>(
  scrapes: readonly Scrape[],
  target: TargetName,
  spanMs: number,
  read: (samples: readonly Sample[]) => Reading | null,
): readonly (readonly { readonly atMs: number; readonly reading: Reading }[])[] {
  const now = scrapes.at(-1)
  if (now === undefined) return []
  const within = scrapes.filter(({ atMs }) => atMs >= now.atMs - spanMs)
  return now.targets[target].instances.map(({ instance }) =>
    within.flatMap((scrape) => {
      const answer = scrape.targets[target].instances.find((each) => each.instance === instance)
      const reading = answer === undefined ? null : read(answer.samples)
      return reading === null ? [] : [{ atMs: scrape.atMs, reading }]
    }),
  )
}

function rateOf(
  scrapes: readonly Scrape[],
  target: TargetName,
  read: (samples: readonly Sample[]) => number | null,
): number | null {
  const rates = readings(scrapes, target, rateWindowMs, read).flatMap((ofInstance) => {
    const begin = ofInstance.findLastIndex(({ reading }, index) => reading < (ofInstance[index - 1]?.reading ?? 0))
    const first = ofInstance[Math.max(begin, 0)]
    const last = ofInstance.at(-1)
    return first === undefined || last === undefined || last.atMs === first.atMs
      ? []
      : [((last.reading - first.reading) / (last.atMs - first.atMs)) * 1_000]
  })
  return rates.length === 0 ? null : rates.reduce((total, rate) => total + rate, 0)
}

function visibleMsOf(scrapes: readonly Scrape[], sink: TargetName): StoreSnapshot['visibleMs'] {
  const added = new Map<number, number>()
  for (const ofInstance of readings(scrapes, sink, windowMs, bucketsOf)) {
    const [first, last] = [ofInstance[0], ofInstance.at(-1)]
    if (first === undefined || last === undefined) continue
    for (const [bound, count] of between(first.reading, last.reading) ?? []) {
      added.set(bound, (added.get(bound) ?? 0) + count)
    }
  }
  const [p50, p99] = [quantile(added, 0.5), quantile(added, 0.99)]
  return p50 === null || p99 === null ? null : { p50, p99 }
}

function bucketsOf(samples: readonly Sample[]): Buckets | null {
  const buckets = select(samples, 'sink_commit_to_visible_ms_bucket').map(
    ({ labels, value }) => [labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le']), value] as const,
  )
  return buckets.length === 0 ? null : new Map(buckets)
}
