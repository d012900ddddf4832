import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { dissect } from './dissect.ts'
import { layOut, stepsOf } from './layout.ts'
import type { RecordedWrite } from './recorded.ts'

const stores = ['postgresql', 'redis', 'elasticsearch', 'clickhouse'] as const

/** A write that reaches each store after the one before, the gaps being as long as the numbers say. */
function write(revision: number, beganMs: number, gaps: readonly number[]): RecordedWrite {
  let at = beganMs
  const next = (index: number): number => (at += gaps[index % gaps.length] ?? 0)
  return {
    id: String(revision),
    instance: 1,
    operation: 'update',
    revision,
    stores: stores.map((store, index) => ({
      store,
      beganMs: next(index),
      endedMs: next(index + 1),
      outcome: 'acknowledged',
      error: null,
    })),
  }
}

const raced = (older: RecordedWrite, newer: RecordedWrite) =>
  dissect(
    {
      source: { state: 'present', revision: 2 },
      stores: { redis: { status: 'stale', holds: 'present', revision: 1 } },
    },
    { instances: 1, silent: 0, writes: [older, newer] },
  )

const gaps = fc.array(fc.double({ min: 0.01, max: 50, noNaN: true }), { minLength: 1, maxLength: 8 })

describe('a drawing', () => {
  test('has everything inside its frame, and what came later to the right', () => {
    fc.assert(
      fc.property(gaps, gaps, fc.double({ min: 0, max: 40, noNaN: true }), (ofOlder, ofNewer, laterMs) => {
        const { width, height, paths } = layOut(raced(write(1, 1e12, ofOlder), write(2, 1e12 + laterMs, ofNewer)))
        expect(paths).toHaveLength(2)
        for (const { bars } of paths) {
          expect(bars).toHaveLength(stores.length)
          const places = bars.map(({ x }) => x)
          expect(places).toEqual(places.toSorted((one, other) => one - other))
          for (const bar of bars) {
            expect(bar.x).toBeGreaterThan(0)
            expect(bar.x + bar.width).toBeLessThan(width)
            expect(bar.y + bar.height).toBeLessThan(height)
          }
        }
      }),
    )
  })

  test('has the same said as text, in the order in which it began', () => {
    const steps = stepsOf(raced(write(1, 1e12, [1]), write(2, 1e12 + 0.5, [1])))
    expect(steps.slice(0, 3)).toEqual([
      ['0.00 ms', '1.00 ms', 'A', 'PostgreSQL', 'acknowledged'],
      ['0.50 ms', '1.50 ms', 'B', 'PostgreSQL', 'acknowledged'],
      ['2.00 ms', '3.00 ms', 'A', 'Redis', 'acknowledged'],
    ])
  })

  test('of nothing is empty rows', () => {
    const nothing = dissect({ source: { state: 'absent' }, stores: {} }, { instances: 1, silent: 0, writes: [] })
    expect(layOut(nothing).paths).toEqual([])
    expect(stepsOf(nothing)).toEqual([])
  })
})
