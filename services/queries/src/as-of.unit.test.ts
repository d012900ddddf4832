import { describe, expect, test } from '@jest/globals'
import { asOf, asOfNewest, asOfStored } from './as-of.ts'
import { laneOf } from './lanes.ts'

const at = '2026-11-27T08:30:00.000Z'
const nowMs = Date.parse(at) + 250

describe('how fresh an order is', () => {
  test('is the version from the log where there is a log, and the revision where there is none', () => {
    const stored = { version: 4_711, fields: { revision: 3, updatedAt: at } }
    expect(asOfStored(laneOf('cdc'), stored, nowMs)).toEqual({ version: 4_711, versionOf: 'log', at, ageMs: 250 })
    expect(asOfStored(laneOf('event-sourcing'), stored, nowMs)).toMatchObject({ version: 4_711, versionOf: 'log' })
    expect(asOfStored(laneOf('dual-write'), stored, nowMs)).toMatchObject({ version: 3, versionOf: 'revision' })
  })

  test('is unknown where the store holds no such thing, and never a guess', () => {
    for (const revision of [undefined, null, '3', 2 ** 60, 1.5]) {
      const stored = { version: null, fields: { revision, updatedAt: 'yesterday' } }
      expect(asOfStored(laneOf('dual-write'), stored, nowMs)).toEqual({
        version: null,
        versionOf: 'revision',
        at: null,
        ageMs: null,
      })
    }
  })

  test('has no negative age, whatever clocks say', () => {
    expect(asOf('log', { version: 1, at }, nowMs - 10_000)).toMatchObject({ at, ageMs: 0 })
  })
})

test('a list has no version, and no time either when it is empty', () => {
  expect(asOfNewest(laneOf('cdc'), at, nowMs)).toEqual({ version: null, versionOf: 'log', at, ageMs: 250 })
  expect(asOfNewest(laneOf('dual-write'), null, nowMs)).toMatchObject({ version: null, at: null, ageMs: null })
})
