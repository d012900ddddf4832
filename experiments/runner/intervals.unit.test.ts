import { expect, test } from '@jest/globals'
import { meanRatio } from './intervals.ts'

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
