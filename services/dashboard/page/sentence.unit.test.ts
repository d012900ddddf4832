import { expect, test } from '@jest/globals'
import type { Sample } from '../src/exposition.ts'
import { answer, down, liveLane, scrapeAt } from '../src/scrapes-for-tests.ts'
import { summarize } from '../src/summarize.ts'
import { describeLane } from './sentence.ts'

const writes = (count: number): Sample => ({
  name: 'driftlab_orders_request_duration_seconds_count',
  labels: { method: 'POST', status: '201' },
  value: count,
})
const store = { verdict: 'consistent', doubts: [], divergences: {}, divergedKeys: 0 } as const
const agreed = { redis: store, elasticsearch: store, clickhouse: store }
const copy = (stores: Partial<Record<keyof typeof agreed, object>>) =>
  structuredClone({ ...agreed, ...stores }) as ReturnType<typeof liveLane>['stores']

test('says what arrives, and that the stores agree, when the auditor says so now', () => {
  const scrapes = [0, 120].map((count, second) => scrapeAt(second * 1_000, { 'orders-cdc': answer([writes(count)]) }))
  expect(describeLane('cdc', summarize(scrapes, {}))).toMatchObject({
    tone: 'good',
    text: '120 writes a second arrive. Every store says what PostgreSQL says.',
  })
})

test('says how many differ and where, and whether anything will mend them', () => {
  const stores = copy({ redis: { ...store, divergedKeys: 2 }, clickhouse: { ...store, divergedKeys: 1_200 } })
  const live = liveLane({ verdict: 'diverged', knownKeys: 1_201, stores })
  const snapshot = summarize([scrapeAt(0, {}, { cdc: live, 'dual-write': live })], {})
  const differ = '1,201 orders differ from PostgreSQL (2 in Redis and 1,200 in ClickHouse).'
  expect(describeLane('dual-write', snapshot)).toMatchObject({
    tone: 'bad',
    situation: 'rate-unknown diverged',
    text: `${differ} Nothing mends them until somebody writes them again.`,
  })
  expect(describeLane('cdc', snapshot).text).toContain('That must not happen in this lane')
})

test('never says that the stores agree when nobody looked, or not lately', () => {
  const noAuditor = summarize([scrapeAt(9_000, { auditor: down }, {})], {})
  const notYet = summarize([scrapeAt(9_000, {}, { cdc: liveLane({ lookedAt: null }) })], {})
  const longAgo = summarize([scrapeAt(90_000, {}, { cdc: liveLane() })], {})
  for (const [snapshot, words] of [
    [noAuditor, 'nobody can say: the auditor does not answer'],
    [notYet, 'has not looked yet'],
    [longAgo, 'last looked 90 s ago'],
  ] as const) {
    const sentence = describeLane('cdc', snapshot)
    expect(sentence.tone).toBe('unsure')
    expect(sentence.text).toContain(words)
    expect(sentence.text).not.toContain('Every store says')
  }
})

test('a store that is down is unknown, with the reason', () => {
  const stores = copy({ redis: { ...store, verdict: 'unknown', doubts: ['could not be read: no connection'] } })
  const live = liveLane({ verdict: 'unknown', stores })
  expect(describeLane('dual-write', summarize([scrapeAt(0, {}, { 'dual-write': live })], {}))).toMatchObject({
    tone: 'unsure',
    text: 'Of Redis nobody can say whether it agrees: could not be read: no connection.',
  })
})

test('a lag is told as waiting, not as divergence; a reader that is gone is named', () => {
  const lag: Sample = { name: 'sink_lag_records', labels: {}, value: 4_321 }
  const late = summarize([scrapeAt(0, { 'search-indexer': answer([lag]), 'cache-updater': down })], {})
  const sentence = describeLane('cdc', late)
  expect(sentence).toMatchObject({ tone: 'unsure' })
  expect(sentence.text).toContain('cache-updater is down. Elasticsearch is 4,321 records behind')
  const slot: Sample = { name: 'driftlab_slot_state', labels: { lane: 'cdc', state: 'inactive' }, value: 1 }
  const unread = summarize([scrapeAt(0, { auditor: answer([slot]) })], {})
  expect(describeLane('cdc', unread).text).toContain("Nobody reads PostgreSQL's log (the slot is inactive)")
})

test('the situation stays the same while only numbers change', () => {
  const at = (count: number) =>
    summarize(
      [0, count].map((value, second) => scrapeAt(second * 1_000, { 'orders-cdc': answer([writes(value)]) })),
      {},
    )
  expect(describeLane('cdc', at(10)).situation).toBe(describeLane('cdc', at(20)).situation)
  expect(describeLane('cdc', at(10)).situation).not.toBe(describeLane('cdc', at(0)).situation)
})
