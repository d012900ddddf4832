import { expect, test } from '@jest/globals'
import { atFixedTimes } from './pace.ts'

test('begins as many as the rate says, in order, none before its time', async () => {
  const begun: (readonly [number: number, earlyMs: number])[] = []
  const startedAt = performance.now()
  await atFixedTimes({ ratePerSecond: 500, forMs: 60 }, (number, dueMs) => {
    begun.push([number, dueMs - performance.now()])
    expect(dueMs - startedAt).toBeCloseTo(number * 2, -1)
  })
  expect(begun.map(([number]) => number)).toEqual(Array.from({ length: 30 }, (_, number) => number))
  // A timer may fire up to a millisecond early.
  for (const [, earlyMs] of begun) expect(earlyMs).toBeLessThanOrEqual(2)
})

test('does not wait for what it began', async () => {
  let begun = 0
  await atFixedTimes({ ratePerSecond: 1_000, forMs: 10 }, () => {
    begun += 1
    void new Promise(() => undefined)
  })
  expect(begun).toBe(10)
})

test('ends when it is told to, and begins nothing more', async () => {
  const stopping = new AbortController()
  let begun = 0
  await atFixedTimes({ ratePerSecond: 100, forMs: 60_000, signal: stopping.signal }, (number) => {
    begun += 1
    if (number === 2) stopping.abort()
  })
  expect(begun).toBe(3)
})
