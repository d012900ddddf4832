import { describe, expect, test } from '@jest/globals'
import type { Check } from '../runner/experiment.ts'
import { changesCut, eventsCut, laneRebuilt, storesAgree, tableRebuilt } from './checks.ts'
import { cutsOf, type Folding } from './cuts.ts'
import type { Entry, EntryOf, LogName, Original } from './history.ts'

const cut = (
  log: LogName,
  partition: number | null,
  [before, after]: readonly [number, number],
  resumed = 'same',
): Entry => ({ kind: 'cut', log, partition, before, after, resumed, whole: 'same' })
const everyKind = (log: LogName): readonly Entry[] => [
  ...[cut(log, 0, [0, 9]), cut(log, 0, [9, 0]), cut(log, 0, [4, 5]), cut(log, null, [20, 3])],
]
const idOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const order = (original: Original, number: number, folded: string | null, found: string | null): Entry => ({
  ...{ kind: 'order', original, order: idOf(number), folded, found },
})
const audit = (differing: Partial<EntryOf<'audit'>>): Entry => ({
  ...{ kind: 'audit', verdict: 'consistent', orders: 9, stores: ['redis'], divergences: {} },
  ...differing,
})

type Histories = Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>
const cutHistories = (log: LogName, other: LogName): Histories => ({
  holds: [everyKind(log)],
  refuted: [[...everyKind(log), cut(log, 0, [4, 5], 'another')], [cut(log, null, [1, 1], 'another')]],
  unknown: [[], everyKind(other), ...everyKind(log).map((_, left) => everyKind(log).toSpliced(left, 1))],
})
const orderHistories = (original: Original, other: Original): Histories => ({
  holds: [[order(original, 1, 'a', 'a'), order(original, 2, null, null)]],
  refuted: [
    [order(original, 1, 'a', 'b')],
    [order(original, 1, 'a', null)],
    [order(original, 1, 'a', 'a'), order(original, 2, null, 'a')],
  ],
  unknown: [
    [],
    [order(other, 1, 'a', 'a'), order(other, 2, null, null)],
    [order(original, 1, 'a', 'a')],
    [order(original, 2, null, null)],
  ],
})

describe.each<readonly [string, Check<Entry>, Histories]>([
  ['cuts of the events', eventsCut, cutHistories('events', 'changes')],
  ['cuts of the changes', changesCut, cutHistories('changes', 'events')],
  ['orders of the lane', laneRebuilt, orderHistories('change log of the lane', 'table that was captured')],
  ['orders of the table', tableRebuilt, orderHistories('table that was captured', 'change log of the lane')],
  [
    'the stores',
    storesAgree,
    {
      holds: [[audit({})]],
      refuted: [[audit({ verdict: 'diverged', divergences: { stale: 1 } })]],
      unknown: [[], [audit({ verdict: 'unknown' })], [audit({ orders: 0 })], [audit({ stores: [] })]],
    },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history).verdict).toBe(verdict)
  })
})

describe('cutting', () => {
  const items = Array.from({ length: 30 }, (_, item) => ({ partition: item % 3, item }))
  const dice = { count: 8, random: Math.random }
  const sums = (forgetful: boolean): Folding<number, number> => ({
    log: 'events',
    start: (from = []) => {
      const states = new Map(forgetful ? [] : from)
      return { states, add: (item) => states.set('sum', (states.get('sum') ?? 0) + item) }
    },
  })

  test('a fold that goes on where it was ends where it would have ended', () => {
    const cuts = cutsOf(sums(false), items, dice)
    expect(cuts).toHaveLength(8 * 4)
    expect(cuts.every(({ before, after, partition }) => before + after === (partition === null ? 30 : 10))).toBe(true)
    expect(eventsCut.check(cuts).verdict).toBe('holds')
  })

  test('one that begins anew is found out', () => {
    expect(eventsCut.check(cutsOf(sums(true), items, dice)).verdict).toBe('refuted')
  })
})
