import { describe, expect, test } from '@jest/globals'
import { innermostCause, progressOf } from './status.ts'

describe("progress, as the connector's status tells it", () => {
  test('a connector without a task is not running yet', () => {
    expect(progressOf({ connector: { state: 'RUNNING' }, tasks: [] })).toMatchObject({ state: 'waiting' })
  })

  test('a failed task is a failure with its trace, even when the connector runs', () => {
    const status = { connector: { state: 'RUNNING' }, tasks: [{ state: 'FAILED', trace: 'org.postgresql...' }] }
    expect(progressOf(status)).toEqual({ state: 'failed', trace: 'org.postgresql...' })
  })

  test('a paused or restarting part is not running', () => {
    for (const state of ['PAUSED', 'RESTARTING', 'UNASSIGNED', 'STOPPED']) {
      expect(progressOf({ connector: { state }, tasks: [{ state: 'RUNNING' }] })).toMatchObject({ state: 'waiting' })
    }
  })

  test('it runs when the connector and every task run', () => {
    expect(progressOf({ connector: { state: 'RUNNING' }, tasks: [{ state: 'RUNNING' }] })).toEqual({ state: 'running' })
  })
})

test('of a trace, the innermost cause says what to mend', () => {
  expect(
    innermostCause('Outer: failed\n\tat here\nCaused by: Inner\n\tat there\nCaused by: root\n\t... 3 more\n'),
  ).toBe('Caused by: root')
  expect(innermostCause('Only: this\n\tat here')).toBe('Only: this')
})
