/** Each part of the claim, on made-up histories: what must refute it, what lets it hold, and what tells nothing. */
import { describe, expect, test } from '@jest/globals'
import type { Check } from '../runner/experiment.ts'
import { inPlaceIsLost, readersNeverStand, replayMakesItRight } from './checks.ts'
import type { Comparison, Entry, EntryOf } from './history.ts'
import { report } from './report.ts'
import { shippedUnitCents } from './revenue.ts'

const comparison = (differing: number): Comparison => ({
  ...{ rows: 100, differing, totalCents: 5_000 - differing, exactCents: 5_000 },
  examples: [],
})
const seen = (differing: number): Entry => ({ kind: 'seen', comparison: comparison(differing) })
const ended = (differing: number): Entry => ({ kind: 'ended', comparison: comparison(differing) })
const replayed = (changes: Partial<EntryOf<'replayed'>> = {}): Entry => ({
  ...{ kind: 'replayed', durationMs: 900, events: 9_000, eventsWritten: 100, eventsTakenByRunning: 100 },
  ...changes,
})
const read = (version: 'shipped' | 'fixed', events: number): Entry => ({
  ...{ kind: 'read', atMs: events, found: { version, events, totalCents: 1 } },
})
const failedRead: Entry = { kind: 'read', atMs: 0, found: null }
const line = (listUnitCents: number, changes: Partial<EntryOf<'line'>> = {}): Entry => ({
  ...{ kind: 'line', name: `order/${listUnitCents}`, quantity: 10, listUnitCents },
  storedUnitCents: shippedUnitCents({ quantity: 10, unitPriceCents: listUnitCents }),
  ...changes,
})
const inPlace = (changes: Partial<EntryOf<'in place'>> = {}): Entry => ({
  ...{ kind: 'in place', unlikeShipped: 0, rows: 10, rowsLost: 9, linesGone: 3 },
  ...{ lowCents: 1, highCents: 2, exactCents: 2 },
  ...changes,
})
/** Both are 175 cents after the discount, rounded down: they were 175.10 and 175.95. Only 205 becomes 174. */
const alike = [line(206), line(207)]

describe.each<
  readonly [string, Check<Entry>, Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>]
>([
  [
    'the replay',
    replayMakesItRight,
    {
      holds: [[seen(9), replayed(), ended(0)]],
      refuted: [[seen(9), replayed(), ended(1)]],
      unknown: [
        [],
        [seen(9), replayed()],
        [seen(0), replayed(), ended(0)],
        [seen(9), replayed({ eventsWritten: 0 }), ended(0)],
        [seen(9), replayed({ eventsTakenByRunning: 0 }), ended(0)],
      ],
    },
  ],
  [
    'readers',
    readersNeverStand,
    {
      holds: [[read('shipped', 1), read('shipped', 2), read('fixed', 2), read('fixed', 3)]],
      refuted: [
        [read('shipped', 2), read('fixed', 1)],
        [read('shipped', 1), read('fixed', 2), read('shipped', 3)],
        [read('shipped', 1), failedRead, read('fixed', 2)],
        [read('shipped', 2), read('shipped', 1), read('fixed', 2)],
      ],
      unknown: [[], [read('shipped', 1)], [read('fixed', 1)]],
    },
  ],
  [
    'in place',
    inPlaceIsLost,
    {
      holds: [[...alike, inPlace()]],
      refuted: [[line(205), inPlace({ rowsLost: 0 })]],
      unknown: [
        [],
        [inPlace()],
        [...alike, inPlace({ unlikeShipped: 1 })],
        // Ambiguous, but no two that show it; and a list price that the code cannot have had.
        [line(206), inPlace()],
        [...alike, line(300, { storedUnitCents: 1 }), inPlace()],
      ],
    },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history).verdict).toBe(verdict)
  })
})

test('the report shows the three views and the replay', () => {
  const { tables, facts } = report([seen(9), read('shipped', 1), replayed(), ended(0), ...alike, inPlace()])
  expect(tables.map(({ rows }) => rows.length)).toEqual([3, 1])
  expect(facts).toHaveLength(2)
})
