import { describe, expect, test } from '@jest/globals'
import type { Verdict } from '../runner/experiment.ts'
import { checks, keptByGuard } from './checks.ts'
import {
  cells,
  entrySchema,
  keyings,
  situations,
  type CellName,
  type Change,
  type Entry,
  type Held,
  type Outcome,
} from './history.ts'
import { report } from './report.ts'

const orderOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const orderCount = 60

/**
 * Each order was changed twice. Keyed by status, the first change of it is in another partition than the second, and has
 * the higher offset.
 */
const changesOf = (order: string): readonly Change[] =>
  keyings.flatMap((keying) => [
    { type: 'change', keying, order, kind: 'insert', revision: 1, partition: 0, offset: keying === 'id' ? 4 : 9 },
    { type: 'change', keying, order, kind: 'update', revision: 2, partition: keying === 'id' ? 0 : 1, offset: 7 },
  ])

interface Differing {
  readonly orders?: number
  readonly change?: Partial<Change>
  readonly held?: (cell: CellName) => Partial<Held>
  readonly outcome?: (outcome: Outcome) => Partial<Outcome>
}

/** As the claim says it is, but for what differs. */
function historyOf({ orders = orderCount, change, held, outcome }: Differing = {}): readonly Entry[] {
  return Array.from({ length: orders }, (_none, number) => orderOf(number)).flatMap((order) =>
    [
      ...changesOf(order).map((each): Entry => ({ ...each, ...change })),
      ...cells.flatMap((cell): readonly Entry[] => [
        { type: 'held', ...cell, order, revision: 1, stored: 2, row: 2, ...held?.(cell) },
        ...situations.map((situation): Entry => {
          const late = situation === 'zombie' && !cell.guarded
          const stored = cell.keying === 'status' || late ? 1 : 2
          const as: Outcome = { type: 'outcome', ...cell, situation, order, row: 2, stored, equal: stored === 2 }
          return { ...as, ...outcome?.(as) }
        }),
      ]),
    ].map((entry) => entrySchema.parse(entry)),
  )
}

const verdicts = (history: readonly Entry[]): readonly Verdict[] => checks.map(({ check }) => check(history).verdict)
const all = (verdict: Verdict): readonly Verdict[] => checks.map(() => verdict)

describe('every check', () => {
  test('holds when everything is as claimed', () => {
    expect(verdicts(historyOf())).toEqual(all('holds'))
  })

  test('is refuted when everything is the other way round', () => {
    const history = [
      ...historyOf({
        outcome: ({ equal }) => ({ equal: !equal, stored: equal ? 1 : 2 }),
      }),
      // One order of the topic keyed by id is in two partitions.
      ...changesOf(orderOf(0)).map((change) => ({ ...change, partition: 3 })),
    ]
    expect(verdicts(history)).toEqual(all('refuted'))
  })

  test('is unknown of too few orders', () => {
    expect(verdicts(historyOf({ orders: 5 }))).toEqual(all('unknown'))
  })

  test('is unknown of an empty history', () => {
    expect(verdicts([])).toEqual(all('unknown'))
  })
})

const verdictOf = (part: string, history: readonly Entry[]): Verdict => {
  const found = checks.find(({ statement }) => statement.includes(part))
  if (found === undefined) throw new Error(`no check says ${part}`)
  return found.check(history).verdict
}
const ofZombies = ['the late write of a zombie undoes', 'though a zombie writes late']

test.each(ofZombies)('a held write that no newer one had come before tells nothing: %s', (part) => {
  // The one that took over had not written yet; then: the write was the newest itself.
  expect(verdictOf(part, historyOf({ held: () => ({ stored: 1 }) }))).toBe('unknown')
  expect(verdictOf(part, historyOf({ held: () => ({ revision: 2 }) }))).toBe('unknown')
})

test.each(ofZombies)('a held write of an order that was removed meanwhile counts: %s', (part) => {
  expect(verdictOf(part, historyOf({ held: () => ({ stored: null, row: null }) }))).toBe('holds')
})

test.each(ofZombies)('an order with a late write that was not looked at afterwards leaves it unknown: %s', (part) => {
  const isSeen = (entry: Entry): boolean => entry.type !== 'outcome' || entry.order !== orderOf(0)
  expect(verdictOf(part, historyOf().filter(isSeen))).toBe('unknown')
})

test('an order that ends wrong otherwise than as the late write had it is not what the zombie undid', () => {
  const history = historyOf({ outcome: ({ equal }) => (equal ? {} : { stored: null }) })
  expect(verdictOf('the late write of a zombie undoes', history)).toBe('refuted')
})

test('an order that ends wrong without a late write leaves it open who undid the others', () => {
  const isHeld = (entry: Entry): boolean => entry.type !== 'held' || entry.order !== orderOf(0)
  expect(verdictOf('the late write of a zombie undoes', historyOf().filter(isHeld))).toBe('unknown')
})

test('one wrong order refutes that the guard stops a zombie, also when few writes were held', () => {
  const history = historyOf({
    held: () => ({ stored: 1 }),
    outcome: ({ order }) => (order === orderOf(0) ? { equal: false } : {}),
  })
  expect(verdictOf('though a zombie writes late', history)).toBe('refuted')
})

test('without the key, orders whose changes happen to be in one partition tell nothing', () => {
  const history = historyOf({ change: { partition: 2 } })
  expect(verdictOf('Keyed by status and with the guard', history)).toBe('unknown')
  expect(verdictOf('Keyed by status and without the guard', history)).toBe('unknown')
})

test('one order that the guard left otherwise than the offsets say refutes that it follows from the log', () => {
  const history = historyOf({ outcome: ({ order }) => (order === orderOf(0) ? { stored: 2 } : {}) })
  expect(verdictOf('the highest offset', history)).toBe('refuted')
})

test('the guard keeps nothing after a delete, and of two equal offsets whichever came first', () => {
  const change: Change = {
    ...{ type: 'change', keying: 'status', order: orderOf(1), kind: 'insert', revision: 2 },
    ...{ partition: 1, offset: 5 },
  }
  expect(keptByGuard([change, { ...change, kind: 'delete', partition: 0, offset: 8 }])).toBeNull()
  expect(keptByGuard([change, { ...change, revision: 1, partition: 0, offset: 2 }])).toBe(2)
  expect(keptByGuard([change, { ...change, revision: 1, partition: 0 }])).toBeUndefined()
  expect(keptByGuard([])).toBeUndefined()
})

test('the report has a row for each cell in each situation, and no fact of what was not tried', () => {
  const { tables, facts } = report(historyOf())
  expect(tables[0]?.rows).toHaveLength(12)
  expect(tables[0]?.rows[0]?.slice(0, 5)).toEqual(['id', 'yes', 'nothing fails', '60', '0'])
  expect(facts?.[0]).toMatchObject({ strategy: 'cdc', fact: 'none of 60 wrong' })
  expect(report(historyOf().filter(({ type }) => type === 'change')).facts).toEqual([])
})
