import { describe, expect, test } from '@jest/globals'
import { identify, isAlive, parseStat, signal } from './processes.ts'

const stat = '4242 (a (strange) name) S 17 4242 4242 0 -1 4194560 1 0 0 0 7 3 0 0 20 0 1 0 987654 10 20 30'

describe('processes', () => {
  test('are read from /proc even when their name holds blanks and parentheses', () => {
    expect(parseStat(stat)).toEqual({ state: 'S', parentPid: 17, threads: 1, startTicks: 987_654 })
  })

  test('a pid that now belongs to another process counts as gone, and is not signalled', () => {
    const self = identify(process.pid)
    if (self === undefined) throw new Error('this very process is not in /proc')
    const earlierHolder = { ...self, startTicks: self.startTicks - 1 }
    const beforeReboot = { ...self, bootId: 'another boot' }

    expect([self, earlierHolder, beforeReboot].map(isAlive)).toEqual([true, false, false])
    // SIGKILL would end this test run at once.
    signal(earlierHolder, 'SIGKILL')
    signal(beforeReboot, 'SIGKILL')
  })
})
