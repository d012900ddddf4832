import { describe, expect, test } from '@jest/globals'
import { checks, logIsWhole, nothingDoubled, nothingLost, nothingOversold, storesAgree } from './checks.ts'
import type { Entry } from './history.ts'

const fire: readonly Entry[] = [
  { kind: 'fault', processor: 'a', what: 'kill -9' },
  { kind: 'fault', processor: 'b', what: 'kill -9' },
]
const request: Entry = { kind: 'request', orderId: 'o1', answer: 'placed', attempts: 1 }
const order: Entry = { kind: 'order', orderId: 'o1', placedTimes: 1, cancelled: false }
const stock: Entry = { kind: 'stock', sku: 's', receivedUnits: 2, reservedUnits: 1, soldUnits: 1 }
const log: Entry = { kind: 'log', commands: 2, outcomes: 2, events: 3, doubledCommands: [], broken: null }
const audit: Entry = { kind: 'audit', verdict: 'consistent', orders: 1, divergences: 0 }
const good: readonly Entry[] = [...fire, request, order, stock, log, audit]

const replaced = (old: Entry, ...by: readonly Entry[]): readonly Entry[] =>
  good.flatMap((entry) => (entry === old ? by : [entry]))

describe('the checks', () => {
  test.each(checks)('$statement: holds of what is right, and is unknown without fire or orders', ({ check }) => {
    expect(check(good).verdict).toBe('holds')
    expect(check(good.slice(1)).verdict).toBe('unknown')
    expect(check(replaced(request)).verdict).toBe('unknown')
    expect(check(replaced(log)).verdict).toBe('unknown')
  })

  test('an oversell, and units that are reserved for nobody, refute', () => {
    for (const wrong of [
      { receivedUnits: 1, reservedUnits: 2, soldUnits: 2 },
      { receivedUnits: 2, reservedUnits: 2, soldUnits: 1 },
    ]) {
      expect(nothingOversold.check(replaced(stock, { kind: 'stock', sku: 's', ...wrong })).verdict).toBe('refuted')
    }
    const unsold: Entry = { kind: 'stock', sku: 's', receivedUnits: 2, reservedUnits: 0, soldUnits: 0 }
    expect(nothingOversold.check(replaced(stock, unsold)).verdict).toBe('unknown')
  })

  test('an acknowledged order that is not in the log refutes', () => {
    expect(nothingLost.check(replaced(order)).verdict).toBe('refuted')
  })

  test('an order that was placed twice, a doubled command, and one without outcome refute', () => {
    expect(nothingDoubled.check(replaced(order, { ...order, placedTimes: 2 })).verdict).toBe('refuted')
    expect(nothingDoubled.check(replaced(log, { ...log, doubledCommands: ['c'] })).verdict).toBe('refuted')
    expect(nothingDoubled.check(replaced(log, { ...log, outcomes: 1 })).verdict).toBe('refuted')
  })

  test('a log that cannot be folded refutes, and so does a store that differs; one that was not seen is unknown', () => {
    expect(logIsWhole.check(replaced(log, { ...log, broken: 'a gap' })).verdict).toBe('refuted')
    expect(storesAgree.check(replaced(audit, { ...audit, verdict: 'diverged' })).verdict).toBe('refuted')
    expect(storesAgree.check(replaced(audit, { ...audit, verdict: 'unknown' })).verdict).toBe('unknown')
    expect(storesAgree.check(replaced(audit)).verdict).toBe('unknown')
  })
})
