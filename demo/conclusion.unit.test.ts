import { describe, expect, test } from '@jest/globals'
import { chooseExamples, conclusionOf, countKinds, exitCodeOf, type Divergence } from './conclusion.ts'
import { divergenceKinds, type LaneResult } from './result.ts'

const verdicts = ['consistent', 'diverged', 'unknown'] as const

function lane(verdict: LaneResult['verdict'], orders = 100, divergentOrders = 0): LaneResult {
  const store = { divergences: countKinds([]), latencyMs: null }
  return {
    verdict,
    doubts: verdict === 'unknown' ? ['Redis was away.'] : [],
    orders,
    divergentOrders,
    http: {
      changes: 1,
      refused: 0,
      partialFailures: 0,
      failures: 0,
      droppedOperations: 0,
      latencyMs: { p50: 1, p99: 2, max: 3 },
    },
    lag: null,
    stores: { redis: store, elasticsearch: store, clickhouse: store },
    examples: [],
  }
}

function divergence(
  key: string,
  store: Divergence['store'],
  kind: Divergence['kind'],
  fields: string[] = [],
): Divergence {
  return {
    key,
    store,
    kind,
    reason: kind,
    differences: fields.map((field) => ({ field, source: 'new', store: 'old' })),
  }
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

describe('the conclusion', () => {
  test('gives the numbers of a lane that diverged', () => {
    expect(conclusionOf({ 'dual-write': lane('diverged', 2_400, 31), cdc: lane('consistent', 2_400) })).toMatch(
      /31 of 2400 orders[^]*all 2400 orders/,
    )
  })

  test('an unknown verdict says what was not seen and claims nothing', () => {
    const text = conclusionOf({ 'dual-write': lane('unknown'), cdc: lane('unknown') })
    expect(text).toContain('Redis was away.')
    expect(text).not.toMatch(/same|agree/)
  })
})

describe('the counts', () => {
  test('every kind is there, also when nothing was found', () => {
    expect(Object.keys(countKinds([]))).toEqual([...divergenceKinds])
    expect(countKinds([{ kind: 'stale' }, { kind: 'stale' }, { kind: 'missing' }])).toMatchObject({
      stale: 2,
      missing: 1,
      phantom: 0,
    })
  })
})

describe('the examples', () => {
  test('show different kinds before they show more of one', () => {
    const found = [
      divergence('a', 'redis', 'stale', ['note']),
      divergence('b', 'redis', 'stale', ['note']),
      divergence('c', 'redis', 'stale', ['note']),
      divergence('d', 'elasticsearch', 'resurrected'),
    ]
    const examples = chooseExamples(found)
    expect(examples).toHaveLength(3)
    expect(examples.map(({ id }) => id)).toContain('d')
  })

  test('an order that differs in several stores is one example', () => {
    const found = [divergence('a', 'redis', 'stale', ['note']), divergence('a', 'clickhouse', 'stale', ['note'])]
    const [example, ...others] = chooseExamples(found)
    expect(others).toEqual([])
    expect(Object.keys(example?.stores ?? {})).toEqual(['redis', 'clickhouse'])
  })

  test('the telling fields come before times and revisions', () => {
    const [example] = chooseExamples([divergence('a', 'redis', 'stale', ['updatedAt', 'revision', 'note', 'status'])])
    expect(example?.stores.redis?.fields.map(({ field }) => field)).toEqual(['note', 'status', 'revision', 'updatedAt'])
  })

  test('no divergence, no example', () => {
    expect(chooseExamples([])).toEqual([])
  })
})
