import { expect, test } from '@jest/globals'
import type { Sample } from './exposition.ts'
import { answer, down, liveLane, scrapeAt } from './scrapes-for-tests.ts'
import type { TargetAnswer } from './scraped.ts'
import { pointOf, summarize } from './summarize.ts'

const requests = (count: number, labels: Readonly<Record<string, string>> = {}): Sample => ({
  name: 'driftlab_orders_request_duration_seconds_count',
  labels: { method: 'POST', status: '201', ...labels },
  value: count,
})
const both = (one: TargetAnswer, other: TargetAnswer): TargetAnswer => ({
  instances: [...one.instances, ...other.instances],
  why: '',
})

test('a rate is what the counters of every instance rose by, reads and health checks left out', () => {
  const reading = (count: number) =>
    both(
      answer([requests(count), requests(count * 9, { method: 'GET', status: '200' })], 'a'),
      answer([requests(count * 2), requests(count, { status: '503' })], 'b'),
    )
  const scrapes = [0, 1, 2].map((second) => scrapeAt(second * 1_000, { 'orders-cdc': reading(100 + second * 10) }))
  const { cdc } = summarize(scrapes, {}).lanes
  expect(cdc.writesPerSecond).toBeCloseTo(30)
  expect(cdc.failuresPerSecond).toBeCloseTo(10)
})

test('a process that was started anew counts from its start, and never below 0', () => {
  const scrapes = [500, 510, 3, 13].map((count, second) =>
    scrapeAt(second * 1_000, { 'orders-cdc': answer([requests(count)]) }),
  )
  expect(summarize(scrapes, {}).lanes.cdc.writesPerSecond).toBeCloseTo(10)
})

test('what nobody says is not known, and never 0', () => {
  const targets = { 'orders-cdc': down, 'cache-updater': down, auditor: down }
  const { lanes, targets: shown } = summarize([scrapeAt(5_000, targets, {})], { auditor: 2_000 })
  expect(lanes.cdc).toMatchObject({ verdict: 'unknown', writesPerSecond: null, divergedKeys: null, lookedAtMs: null })
  expect(lanes.cdc.stores.redis).toMatchObject({ verdict: 'unknown', lagRecords: null, visibleMs: null })
  expect(shown.auditor).toEqual({ state: 'down', instances: 0, asOfMs: 2_000, why: 'nobody listens there' })
})

test('the lag is the larger of what the sink says and what the auditor sees from outside', () => {
  const lag: Sample = {
    name: 'driftlab_group_lag_records',
    labels: { lane: 'cdc', store: 'redis', group: 'cache-updater' },
    value: 12,
  }
  const own: Sample = { name: 'sink_lag_records', labels: { partition: '0' }, value: 3 }
  const lagOf = (sink: TargetAnswer): number | null =>
    summarize([scrapeAt(0, { 'cache-updater': sink, auditor: answer([lag]) })], {}).lanes.cdc.stores.redis.lagRecords
  expect(lagOf(answer([own, { ...own, labels: { partition: '1' }, value: 40 }]))).toBe(43)
  expect(lagOf(answer([own]))).toBe(12)
  expect(lagOf(down)).toBe(12)
})

test('the time to be visible is that of the last seconds, not of all time', () => {
  const buckets = (fast: number, slow: number) =>
    answer(
      [10, 1_000, Number.POSITIVE_INFINITY].map((bound, index) => ({
        name: 'sink_commit_to_visible_ms_bucket',
        labels: { le: bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound) },
        value: index === 0 ? fast : fast + slow,
      })),
    )
  const scrapes = [
    scrapeAt(0, { 'cache-updater': buckets(10, 1_000) }),
    scrapeAt(1_000, { 'cache-updater': buckets(110, 1_000) }),
  ]
  const { visibleMs } = summarize(scrapes, {}).lanes.cdc.stores.redis
  expect(visibleMs?.p50).toBeCloseTo(5)
  expect(visibleMs?.p99).toBeCloseTo(9.9)
})

test('a point of the charts says what its snapshot says', () => {
  const live = { cdc: liveLane(), 'dual-write': liveLane({ verdict: 'diverged', knownKeys: 4 }) }
  const snapshot = summarize([scrapeAt(7_000, {}, live)], {})
  expect(pointOf(snapshot)).toMatchObject({
    atMs: 7_000,
    lanes: { cdc: { divergedKeys: 0 }, 'dual-write': { divergedKeys: 4, lagRecords: { redis: null } } },
  })
})
