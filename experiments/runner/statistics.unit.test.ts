import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { meanRatio, percentile, scale, wilson } from './statistics.ts'

test('an interval is the one of the textbooks', () => {
  // R: prop.test(10, 100, correct = FALSE)
  const { estimate, low, high } = wilson(10, 100)
  expect(estimate).toBe(0.1)
  expect(low).toBeCloseTo(0.0552, 4)
  expect(high).toBeCloseTo(0.1744, 4)
})

test('none of many is not proof of never, and nothing tried is nothing known', () => {
  expect(wilson(0, 100)).toMatchObject({ estimate: 0, low: 0 })
  expect(wilson(0, 100).high).toBeCloseTo(0.037, 3)
  expect(() => wilson(0, 0)).toThrow(RangeError)
})

test('whatever is counted, the interval holds the estimate and lies in [0, 1]', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), fc.double({ min: 0, max: 1, noNaN: true }), (trials, share) => {
      const { estimate, low, high } = wilson(Math.floor(share * trials), trials)
      expect(low).toBeGreaterThanOrEqual(0)
      expect(low).toBeLessThanOrEqual(estimate + 1e-12)
      expect(high).toBeGreaterThanOrEqual(estimate - 1e-12)
      expect(high).toBeLessThanOrEqual(1)
    }),
  )
})

test('scaling and percentiles', () => {
  expect(scale({ estimate: 1, low: 0.5, high: 2 }, 10)).toEqual({ estimate: 10, low: 5, high: 20 })
  expect(percentile([3, 1, 2], 0.5)).toBe(2)
  expect(percentile([3, 1, 2], 1)).toBe(3)
  expect(() => percentile([], 0.5)).toThrow(RangeError)
})

test('the mean of a ratio and its inverse is even, and the interval reaches both ways alike', () => {
  const { estimate, low, high } = meanRatio([0.5, 2])
  expect(estimate).toBeCloseTo(1)
  expect(low * high).toBeCloseTo(1)
})

test('rounds that agree leave no room', () => {
  const { estimate, low, high } = meanRatio([0.4, 0.4, 0.4])
  for (const end of [estimate, low, high]) expect(end).toBeCloseTo(0.4)
})

// Worked by hand: logs 0, 1, 2; mean 1, deviation 1, t = 4.303 at 2 degrees of freedom.
test('the interval is that of Student on the logarithms', () => {
  const { low, high } = meanRatio([1, Math.E, Math.E ** 2])
  expect(Math.log(low)).toBeCloseTo(1 - 4.303 / Math.sqrt(3))
  expect(Math.log(high)).toBeCloseTo(1 + 4.303 / Math.sqrt(3))
})

test('a single round is no measurement', () => {
  expect(() => meanRatio([1])).toThrow('no interval')
})
