import { expect, test } from '@jest/globals'
import { between, quantile } from './histogram.ts'

const infinite = Number.POSITIVE_INFINITY

test('what came between two readings is their difference', () => {
  const earlier = new Map([
    [10, 5],
    [infinite, 8],
  ])
  const later = new Map([
    [10, 7],
    [infinite, 12],
  ])
  expect([...(between(earlier, later) ?? [])]).toEqual([
    [10, 2],
    [infinite, 4],
  ])
})

test('nothing can be said when nothing came, or when the counters were set back', () => {
  const reading = new Map([
    [10, 5],
    [infinite, 8],
  ])
  expect(between(reading, reading)).toBeNull()
  expect(between(reading, new Map([[10, 1], [infinite, 9]]))).toBeNull() // prettier-ignore
})

test('a quantile lies in the bucket that holds its rank', () => {
  const buckets = new Map([
    [10, 50],
    [20, 90],
    [40, 100],
    [infinite, 100],
  ])
  expect(quantile(buckets, 0.5)).toBe(10)
  expect(quantile(buckets, 0.7)).toBe(15)
  expect(quantile(buckets, 0.99)).toBe(38)
})

test('beyond the last bound, that bound is all that can be said; of nothing, nothing', () => {
  const buckets = new Map([
    [10, 1],
    [infinite, 100],
  ])
  expect(quantile(buckets, 0.99)).toBe(10)
  expect(quantile(new Map(), 0.5)).toBeNull()
})
