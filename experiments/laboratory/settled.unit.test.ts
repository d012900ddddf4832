import { expect, test } from '@jest/globals'
import { parseOffset } from '@driftlab/change-event'
import type { GroupProgress } from '@driftlab/kafka'
import { isSettled } from './settled.ts'

const at = (partition: number, committed: number, end: number): GroupProgress => ({
  ...{ partition, start: parseOffset(0), end: parseOffset(end), committed: parseOffset(committed) },
  ...{ lagRecords: end - committed, drained: committed >= end },
})

test('what was drained and has not grown since is settled', () => {
  expect(isSettled([at(0, 5, 5), at(1, 0, 0)], [at(0, 5, 5), at(1, 0, 0)])).toBe(true)
})

test('a group that has sent itself something while it was looked at is not settled', () => {
  expect(isSettled([at(0, 5, 5), at(1, 0, 0)], [at(0, 5, 5), at(1, 0, 2)])).toBe(false)
})

test('nor is one that is behind', () => {
  expect(isSettled([at(0, 4, 5), at(1, 0, 0)], [at(0, 4, 5), at(1, 0, 0)])).toBe(false)
})
