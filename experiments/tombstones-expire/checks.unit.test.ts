import { describe, expect, test } from '@jest/globals'
import type { Check } from '../runner/experiment.ts'
import { fenceOutlivesLog, fencesEnd, fencesHold, hardDeletesResurrect, newerWins } from './checks.ts'
import { stores, type Entry, type Trial } from './history.ts'

/** One for each store. */
const trials = (differing: Partial<Trial>): readonly Trial[] =>
  stores.map((store) => ({
    ...{ kind: 'trial', store, approach: 'fence', meanwhile: 'a while', forgotten: false, late: 'stale' },
    ...{ orders: 25, alive: 0 },
    ...differing,
  }))
const lifetimes = (redisFenceS: number): Entry => ({ kind: 'lifetimes', redisFenceS, topicTombstoneS: 604_800 })

describe.each<readonly [string, Check<Entry>, Partial<Trial>, number, number]>([
  ['hard deletes resurrect', hardDeletesResurrect, { approach: 'hard delete', forgotten: true }, 25, 24],
  ['fences hold', fencesHold, {}, 0, 1],
  ['fences end', fencesEnd, { forgotten: true }, 25, 0],
  ['newer writes win', newerWins, { late: 'newer' }, 25, 24],
])('%s', (_name, { check }, trial, right, wrong) => {
  test('holds when every store is so', () => {
    expect(check(trials({ ...trial, alive: right })).verdict).toBe('holds')
  })
  test('is refuted by one that is not', () => {
    const [first, ...others] = trials({ ...trial, alive: right })
    expect(check([...others, { ...(first ?? raise()), alive: wrong }]).verdict).toBe('refuted')
  })
  test('is unknown of a store that was not tried, and of trials without orders', () => {
    expect(check(trials({ ...trial, alive: right }).slice(1)).verdict).toBe('unknown')
    expect(check(trials({ ...trial, orders: 0, alive: 0 })).verdict).toBe('unknown')
    expect(check([lifetimes(1)]).verdict).toBe('unknown')
  })
})

test('a fence that ends before the tombstone refutes', () => {
  expect(fenceOutlivesLog.check([lifetimes(691_200)]).verdict).toBe('holds')
  expect(fenceOutlivesLog.check([lifetimes(86_400)]).verdict).toBe('refuted')
  expect(fenceOutlivesLog.check(trials({})).verdict).toBe('unknown')
})

function raise(): never {
  throw new Error('no store is tried at all')
}
