/** Each part of the claim, on made-up histories: what must refute it, what lets it hold, and what tells nothing. */
import { describe, expect, test } from '@jest/globals'
import type { Check } from '../runner/experiment.ts'
import { bothTellTheSame, builtLate, readsFaster, renamesCost, renamesReachAll } from './checks.ts'
import type { Entry, EntryOf, Form } from './history.ts'
import { report } from './report.ts'

const built = (changes: Partial<EntryOf<'built'>> = {}): Entry => ({
  ...{ kind: 'built', durationMs: 500, events: 5_000, documentsWritten: 2_000, eventsWritten: 40 },
  ...{ customers: 10, historyDays: 365 },
  ...changes,
})
const compared = (changes: Partial<EntryOf<'compared'>> = {}): Entry => ({
  ...{ kind: 'compared', documents: 100, missing: [], tooMany: [], different: [] },
  ...changes,
})
const renamed = (documents: number, reached: number): Entry => ({
  ...{ kind: 'renamed', customerId: 'c', documents, reached, afterMs: 20 },
})
const asked = (purchases: number, isSame: boolean): Entry => ({ kind: 'asked', customerId: 'c', purchases, isSame })
const cost = (form: Form, documents: number, rowsWritten: number): Entry => ({
  ...{ kind: 'rename cost', form, customerId: 'c', documents, rowsWritten, walBytes: 100, durationMs: 1 },
})
const reads = (views: readonly number[]): readonly Entry[] =>
  views.flatMap((p50Ms, round): readonly Entry[] => [
    { kind: 'reads', round, form: 'view', reads: 10, p50Ms, p99Ms: 9 },
    { kind: 'reads', round, form: 'join', reads: 10, p50Ms: 1, p99Ms: 9 },
  ])

describe.each<
  readonly [string, Check<Entry>, Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>]
>([
  [
    'the build',
    builtLate,
    {
      holds: [[built(), compared()]],
      refuted: [
        [built(), compared({ missing: ['a'] })],
        [built(), compared({ tooMany: ['a'] })],
        [built(), compared({ different: ['a'] })],
      ],
      unknown: [[], [built()], [built({ eventsWritten: 0 }), compared()], [built(), compared({ documents: 0 })]],
    },
  ],
  [
    'renames',
    renamesReachAll,
    { holds: [[renamed(7, 7)]], refuted: [[renamed(7, 7), renamed(7, 6)]], unknown: [[], [renamed(0, 0)]] },
  ],
  [
    'both forms',
    bothTellTheSame,
    {
      holds: [[asked(3, true), asked(0, true)]],
      refuted: [[asked(3, true), asked(3, false)]],
      unknown: [[], [asked(0, true)]],
    },
  ],
  [
    'the cost of a rename',
    renamesCost,
    {
      holds: [[cost('view', 7, 7), cost('join', 7, 1)]],
      refuted: [
        [cost('view', 7, 1), cost('join', 7, 1)],
        [cost('view', 7, 7), cost('join', 7, 7)],
      ],
      unknown: [[], [cost('view', 7, 7)], [cost('view', 1, 1), cost('join', 1, 1)]],
    },
  ],
  [
    'the speed of reading',
    readsFaster,
    {
      holds: [reads([0.5, 0.55, 0.52])],
      refuted: [reads([1.5, 1.55, 1.52])],
      unknown: [[], reads([0.5]), reads([0.5, 2, 1])],
    },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history).verdict).toBe(verdict)
  })
})

test('the report has a row for each form', () => {
  const { tables, facts } = report([built(), compared(), ...reads([0.5, 0.6]), cost('view', 7, 7), renamed(7, 7)])
  expect(tables.map(({ rows }) => rows.length)).toEqual([1, 2, 1])
  expect(facts).toHaveLength(1)
})
