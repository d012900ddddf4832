import { describe, expect, test } from '@jest/globals'
import type { LaneReport, StoreReport } from '@driftlab/auditor'
import type { LoadResult } from '../load-tests/load.ts'
import { conclusionOf, exitCodeOf, laneResultOf } from './conclusion.ts'
import type { LaneResult } from './result.ts'

const verdicts = ['consistent', 'diverged', 'unknown'] as const

const load: LoadResult = {
  schemaVersion: 1,
  lane: 'cdc',
  seed: 7,
  rate: 200,
  durationMs: 60_000,
  startedAt: '2026-01-02T03:04:05.000Z',
  operations: 10,
  plannedOperations: 10,
  populationSize: 402,
  changes: 12,
  refused: 1,
  partialFailures: 0,
  failures: 0,
  droppedOperations: 0,
  latencyMs: { p50: 1, p99: 2, max: 3 },
  crossedThresholds: [],
}

function storeReport(stale = 0): StoreReport {
  return {
    verdict: stale > 0 ? 'diverged' : 'consistent',
    doubts: [],
    comparedKeys: 100,
    scannedKeys: 100,
    divergences: { missing: 0, stale, phantom: 0, resurrected: 0, corrupt: 0, parked: 0 },
    divergedKeys: stale,
    undeterminedKeys: 0,
    parkedRecords: { count: 0, reasons: {}, samples: [] },
  }
}

function report(verdict: LaneReport['verdict'], stale = 0): LaneReport {
  return {
    verdict,
    doubts: verdict === 'unknown' ? ['redis: it did not answer'] : [],
    sourceRows: 2_400,
    durationMs: 1,
    watermark: null,
    stores: { redis: storeReport(stale), elasticsearch: storeReport(2 * stale), clickhouse: storeReport() },
    examples: [],
  }
}

function lane(verdict: LaneReport['verdict'], stale = 0, partialFailures = 0): LaneResult {
  return laneResultOf({
    load: { ...load, partialFailures },
    report: report(verdict, stale),
    latencyMs: { redis: null, elasticsearch: null, clickhouse: null },
    lag: null,
  })
}

describe('the exit code', () => {
  test('is 0 only when change data capture is consistent and dual writes diverged', () => {
    for (const dualWrite of verdicts) {
      for (const cdc of verdicts) {
        const code = exitCodeOf({ 'dual-write': dualWrite, cdc })
        expect(code === 0).toBe(dualWrite === 'diverged' && cdc === 'consistent')
      }
    }
  })

  test('is 2 whenever a verdict is unknown, whatever the other one is', () => {
    for (const verdict of verdicts) {
      expect(exitCodeOf({ 'dual-write': 'unknown', cdc: verdict })).toBe(2)
      expect(exitCodeOf({ 'dual-write': verdict, cdc: 'unknown' })).toBe(2)
    }
  })

  test('is 1 when both are known and the point was not shown', () => {
    expect(exitCodeOf({ 'dual-write': 'consistent', cdc: 'consistent' })).toBe(1)
    expect(exitCodeOf({ 'dual-write': 'diverged', cdc: 'diverged' })).toBe(1)
    expect(exitCodeOf({ 'dual-write': 'consistent', cdc: 'diverged' })).toBe(1)
  })
})

describe('the result of a lane', () => {
  test('takes the counts from the audit and the latency from the load', () => {
    const result = lane('diverged', 11)
    expect(result).toMatchObject({ verdict: 'diverged', orders: 2_400, http: { changes: 12, latencyMs: { p99: 2 } } })
    expect(result.stores.redis.divergences.stale).toBe(11)
    expect(result.stores.elasticsearch.divergences.stale).toBe(22)
  })

  test('there is none when the audit left a store out', () => {
    const { redis, elasticsearch } = report('consistent').stores
    const partial = {
      ...report('consistent'),
      stores: { ...(redis && { redis }), ...(elasticsearch && { elasticsearch }) },
    }
    const latencyMs = { redis: null, elasticsearch: null, clickhouse: null }
    expect(() => laneResultOf({ load, report: partial, latencyMs, lag: null })).toThrow(/clickhouse/)
  })

  test('an example shows the telling fields before times and revisions', () => {
    const differences = ['updatedAt', 'revision', 'note', 'status'].map((field) => ({ field, source: 1, store: 2 }))
    const held = { reason: null, holds: 'present', revision: 1, fields: {} } as const
    const found = laneResultOf({
      load,
      report: {
        ...report('diverged', 1),
        examples: [
          {
            key: 'one',
            source: { state: 'present', revision: 2, values: {} },
            stores: { redis: { ...held, status: 'stale', differences } },
          },
        ],
      },
      latencyMs: { redis: null, elasticsearch: null, clickhouse: null },
      lag: null,
    })
    expect(found.examples[0]?.stores.redis.differences.map(({ field }) => field)).toEqual([
      'note',
      'status',
      'revision',
      'updatedAt',
    ])
    expect(found.examples[0]?.stores.clickhouse.status).toBe('unobserved')
  })
})

describe('the conclusion', () => {
  test('gives the numbers of a lane that diverged', () => {
    const text = conclusionOf({ 'dual-write': lane('diverged', 11), cdc: lane('consistent') })
    expect(text).toMatch(/of 2400 orders, 33 copies[^]*all 2400 orders are the same/)
    expect(text).toContain('No request failed')
  })

  test('does not say that no request failed when one did', () => {
    const text = conclusionOf({ 'dual-write': lane('diverged', 11, 4), cdc: lane('consistent') })
    expect(text).toContain('4 requests failed half-way and 0 otherwise')
  })

  test('an unknown verdict says what was not seen and claims nothing', () => {
    const text = conclusionOf({ 'dual-write': lane('unknown'), cdc: lane('unknown') })
    expect(text).toContain('redis: it did not answer')
    expect(text).not.toMatch(/same|wrong/)
  })
})
