import { describe, expect, test } from '@jest/globals'
import { imagineLane } from '../laboratory/imagined-lane.ts'
import { seededDice } from '../laboratory/order-commands.ts'
import type { Check } from '../runner/experiment.ts'
import {
  bothDecide,
  booksBalance,
  disagreementOf,
  neverTooMuch,
  refusedLeaveNothing,
  rejectingIsDrifting,
  repeatsAreHarmless,
} from './checks.ts'
import { viewOf } from './consumers.ts'
import { consumers, type Consumer, type Entry, type EntryOf } from './history.ts'
import { planRush } from './rush.ts'

const outcome = (commandId: string, status: string, differing: Partial<EntryOf<'outcome'>> = {}): Entry => ({
  ...{ kind: 'outcome', partition: 0, offset: 0, commandId, key: 'k', repeated: false, status },
  ...{ refusal: status === 'refused' ? 'stock-short' : null },
  ...differing,
})
const event = (commandId: string, received = 0, reserved = 0): Entry => ({
  ...{ kind: 'event', partition: 0, offset: 0, key: 'k', type: 'StockReserved', commandId },
  units: { received, reserved },
})
const again = { repeated: true }
const held = (units: number): Entry => ({ kind: 'held', order: 'o', key: 'k', units })
const processor = (name: string, events: number): Entry => ({ kind: 'processor', name, events })
const view = (consumer: Consumer, key: string, digest: string, rejected = 0): Entry => ({
  ...{ kind: 'view', consumer, key, digest, rejected },
})
const [paid, last] = ['rejects cancellations of what is paid', 'rejects reservations of the last units'] as const
const views = [
  ...[view('takes all', 'k', 'same'), view('takes all', 'l', 'same')],
  ...[view('takes all, too', 'k', 'same'), view('takes all, too', 'l', 'same')],
  ...[view(paid, 'k', 'another', 1), view(paid, 'l', 'same')],
]

type Histories = Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>
describe.each<readonly [string, Check<Entry>, Histories]>([
  [
    'refusals',
    refusedLeaveNothing,
    {
      holds: [[outcome('a', 'accepted'), event('a'), outcome('b', 'refused')]],
      refuted: [
        [outcome('a', 'accepted'), event('a'), outcome('b', 'refused'), event('b')],
        [outcome('a', 'accepted'), outcome('b', 'refused')],
      ],
      unknown: [[], [outcome('a', 'accepted'), event('a')], [outcome('b', 'refused')]],
    },
  ],
  [
    'repeats',
    repeatsAreHarmless,
    {
      holds: [[outcome('a', 'accepted'), event('a'), outcome('a', 'accepted', again)]],
      refuted: [
        [outcome('a', 'accepted'), event('a'), outcome('a', 'refused', again)],
        [outcome('a', 'accepted'), event('a'), event('a'), outcome('a', 'accepted', again)],
        [outcome('a', 'accepted'), outcome('a', 'accepted')],
      ],
      unknown: [[], [outcome('a', 'accepted'), event('a')]],
    },
  ],
  [
    'the goods',
    neverTooMuch,
    {
      holds: [[event('a', 3), event('b', 0, 3), outcome('c', 'refused')]],
      refuted: [
        [event('b', 0, 3), event('a', 3), outcome('c', 'refused')],
        [event('a', 3), event('b', 0, 4), event('c', 0, -1), outcome('c', 'refused')],
      ],
      unknown: [[], [event('a', 3), event('b', 0, 3)]],
    },
  ],
  [
    'the books',
    booksBalance,
    {
      holds: [[event('a', 3), event('b', 0, 2), held(1), held(1)]],
      refuted: [
        [event('a', 3), event('b', 0, 2), held(1)],
        [event('a', 3), event('b', 0, 2)],
      ],
      unknown: [[], [event('a', 3)]],
    },
  ],
  [
    'the processors',
    bothDecide,
    {
      holds: [[processor('a', 3), processor('b', 1)]],
      refuted: [],
      unknown: [[], [processor('a', 3)], [processor('a', 3), processor('b', 0)]],
    },
  ],
  [
    'consumers',
    rejectingIsDrifting,
    {
      holds: [[...views, view(last, 'k', 'same'), view(last, 'l', 'another', 2)]],
      refuted: [
        [...views, view(last, 'k', 'same'), view(last, 'l', 'same', 2)],
        [...views, view(last, 'k', 'another'), view(last, 'l', 'another', 2)],
        [...views.with(3, view('takes all, too', 'l', 'another')), view(last, 'l', 'another', 2)],
      ],
      unknown: [[], views, [...views, view(last, 'k', 'same'), view(last, 'l', 'same')]],
    },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history).verdict).toBe(verdict)
  })
})

test('a rush has refusals and repeats in it, and consumers that reject end unlike the others', () => {
  const rush = planRush({ ...seededDice(1), skus: ['limited-a', 'limited-b'], ordersEach: 60 })
  const { events, outcomes } = imagineLane(rush)
  expect(outcomes.some(({ repeated }) => repeated)).toBe(true)
  expect(
    outcomes.filter(({ result }) => result.status === 'refused' && result.refusal.code === 'stock-short').length,
  ).toBeGreaterThan(10)
  const history = consumers.flatMap((consumer) => viewOf(consumer, events))
  expect(rejectingIsDrifting.check(history).verdict).toBe('holds')
  expect(disagreementOf(history, last).differing.length).toBeGreaterThan(0)
})
