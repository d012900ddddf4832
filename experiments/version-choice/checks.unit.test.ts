import { describe, expect, test } from '@jest/globals'
import type { Verdict } from '../runner/experiment.ts'
import { checks } from './checks.ts'
import { versionsBy } from './guards.ts'
import { entrySchema, guards, situations, type Entry, type Recorded, type Situation } from './history.ts'
import { report } from './report.ts'
import { missing, summarize } from './summary.ts'

const keyOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`

type Told = Partial<Recorded> & Pick<Recorded, 'step'>

/** Records of one order, in the order of the log; what is not said of one rises with its place. */
function told(situation: Situation, story: string, key: string, records: readonly Told[]): readonly Recorded[] {
  return records.map((record, at) => ({
    ...{ kind: 'record', situation, story, key, topicNumber: 0, partition: 0, offset: at, op: 'u', snapshot: 'false' },
    ...{ lsn: 100 + at, sequence: [90 + at, 100 + at], tsUs: 1_000 + at, revision: record.step },
    ...record,
  }))
}

/** What a store makes of the records by each guard. `inDatabase`: the step that the row is at. */
function played(delivered: readonly Recorded[], inDatabase: number | null): readonly Entry[] {
  const [first] = delivered
  if (first === undefined) return []
  const { situation, key, story } = first
  return guards.flatMap((guard): readonly Entry[] => {
    const versions = versionsBy(guard, delivered)
    let current = 0
    let inStore: number | null = null
    const deliveries = delivered.map(({ topicNumber, partition, offset, op, step }, at): Entry => {
      const version = versions[at] ?? 0
      const taken = version > current
      if (taken) [current, inStore] = [version, op === 'd' ? null : step]
      return { kind: 'delivery', situation, guard, topicNumber, partition, offset, taken }
    })
    return [...deliveries, { kind: 'end', situation, guard, key, story, inStore, inDatabase }]
  })
}

interface Scene {
  readonly records: readonly Recorded[]
  /** By default the records in the order of the log. */
  readonly delivered?: readonly Recorded[]
  readonly inDatabase: number | null
}

const twice = told('redelivery', 'changed twice', keyOf(1), [
  { step: 1 },
  { step: 2, tsUs: 5_000 },
  { step: 3, tsUs: 5_000 },
])
const anew = told('redelivery', 'inserted anew', keyOf(2), [
  ...[
    { step: 1, offset: 10 },
    { step: 2, offset: 11 },
  ],
  ...[
    { step: 3, offset: 12, op: 'd' as const, revision: 2 },
    { step: 4, offset: 13, op: 'c' as const, revision: 1 },
  ],
])
const open = told('incremental snapshot', 'open', keyOf(3), [
  { step: 1 },
  { step: 1, op: 'r', snapshot: 'incremental', lsn: null, sequence: [200, 200] },
  { step: 2, lsn: 150, sequence: [210, 150] },
])
const restarted = (situation: Situation, appendedAgain: boolean) =>
  told(situation, 'changed', keyOf(appendedAgain ? 4 : 5), [
    ...[{ step: 1 }, { step: 2 }, { step: 3 }],
    ...(appendedAgain
      ? [
          { step: 2, lsn: 101, sequence: [91, 101] as [number, number], tsUs: 1_001 },
          { step: 3, lsn: 102, sequence: [92, 102] as [number, number], tsUs: 1_002 },
        ]
      : []),
  ])
const remade = told('new topic', 'unread', keyOf(6), [
  ...[{ step: 1 }, { step: 2 }],
  { step: 3, topicNumber: 1, offset: 0, op: 'r', snapshot: 'first', sequence: [null, 102] },
])

const openAgain = told('new topic', 'open', keyOf(8), [
  ...[
    { step: 1, partition: 1 },
    { step: 2, partition: 1 },
  ],
  { step: 2, partition: 1, topicNumber: 1, offset: 0, op: 'r', snapshot: 'true', lsn: 300, sequence: [null, 300] },
  { step: 3, partition: 1, topicNumber: 1, offset: 1, lsn: 250, sequence: [null, 250] },
])

const asClaimed: Readonly<Record<Situation, readonly Scene[]>> = {
  redelivery: [
    { records: twice, delivered: [...twice, ...twice.slice(0, 2)], inDatabase: 3 },
    { records: anew, delivered: [...anew, ...anew.slice(0, 2)], inDatabase: 4 },
  ],
  'incremental snapshot': [{ records: open, inDatabase: 2 }],
  'at-least-once': [{ records: restarted('at-least-once', true), inDatabase: 3 }],
  'exactly-once': [{ records: restarted('exactly-once', false), inDatabase: 3 }],
  'new topic': [
    { records: remade, inDatabase: 3 },
    { records: openAgain, inDatabase: 3 },
  ],
}

function historyOf(scenes: Partial<Record<Situation, readonly Scene[]>> = {}): readonly Entry[] {
  return situations
    .flatMap((situation): readonly Entry[] => [
      { kind: 'fault', situation, what: 'as it is named' },
      ...(scenes[situation] ?? asClaimed[situation]).flatMap(({ records, delivered = records, inDatabase }) => [
        ...records,
        ...played(delivered, inDatabase),
      ]),
    ])
    .map((entry) => entrySchema.parse(entry))
}

const verdictsOf = (history: readonly Entry[]): readonly Verdict[] => checks.map(({ check }) => check(history).verdict)
const all = (verdict: Verdict): readonly Verdict[] => checks.map(() => verdict)

describe('the checks', () => {
  test('hold when everything is as claimed', () => {
    expect(verdictsOf(historyOf())).toEqual(all('holds'))
  })

  test('are refuted when everything is the other way round', () => {
    const otherwise = historyOf({ 'exactly-once': [{ records: restarted('exactly-once', true), inDatabase: 3 }] }).map(
      (entry) =>
        entry.kind !== 'end' || entry.guard === 'arrival'
          ? entry
          : { ...entry, inStore: entry.guard === 'epoch and offset' ? 99 : entry.inDatabase },
    )
    expect(verdictsOf(otherwise)).toEqual(all('refuted'))
  })

  test('know nothing when nothing was done', () => {
    expect(verdictsOf(historyOf().filter(({ kind }) => kind !== 'fault'))).toEqual(all('unknown'))
  })

  test('know nothing when the run broke off before a guard was asked', () => {
    expect(verdictsOf(historyOf().filter(({ kind }) => kind === 'record' || kind === 'fault'))).toEqual(all('unknown'))
  })
})

describe('a situation tells nothing', () => {
  const harmless: Readonly<Record<Situation, Scene>> = {
    redelivery: { records: twice, inDatabase: 3 },
    'incremental snapshot': {
      records: told('incremental snapshot', 'left alone', keyOf(3), [
        { step: 1 },
        { step: 1, op: 'r', snapshot: 'incremental', lsn: null, sequence: [200, 200] },
        { step: 2, lsn: 220, sequence: [210, 220] },
      ]),
      inDatabase: 2,
    },
    'at-least-once': { records: restarted('at-least-once', false), inDatabase: 3 },
    'exactly-once': { records: [], inDatabase: 3 },
    'new topic': {
      records: told('new topic', 'unread', keyOf(6), [{ step: 1 }, { step: 2, topicNumber: 1, offset: 7 }]),
      inDatabase: 2,
    },
  }

  test.each(situations)('when what %s is named for is not in the log', (situation) => {
    const history = historyOf({ [situation]: [harmless[situation]] })
    expect(missing(history, situation)).toContain(situation)
    expect(checks.map(({ check }) => check(history).verdict)).not.toContain('refuted')
    expect(checks.some(({ check }) => check(history).verdict === 'unknown')).toBe(true)
  })

  test('and so it does when everything is there', () => {
    expect(situations.map((situation) => missing(historyOf(), situation))).toEqual(situations.map(() => undefined))
  })
})

describe('a summary', () => {
  test('names the orders that end wrong and those that went back', () => {
    const { wrong, wentBack, orders } = summarize(historyOf(), 'redelivery', 'arrival')
    expect([wrong.map(({ key }) => key), wentBack, orders]).toEqual([[keyOf(1), keyOf(2)], [keyOf(1), keyOf(2)], 2])
  })

  test('a write that was refused is seen by nobody', () => {
    expect(summarize(historyOf(), 'redelivery', 'offset')).toMatchObject({ wrong: [], wentBack: [] })
  })
})

describe('a version by', () => {
  const [first, second] = told('redelivery', 'any', keyOf(7), [
    { step: 1, sequence: [null, 100], revision: 4 },
    { step: 2, op: 'd', lsn: null, sequence: [99, 90], revision: 4, topicNumber: 1 },
  ])
  const records = [first, second].flatMap((record) => record ?? [])

  test.each([
    ['arrival', [1, 2]],
    ['lsn', [100, 90]],
    ['pair', [1, 2]],
    ['pair, filled in', [2, 1]],
    ['clock', [1_000, 1_001]],
    ['revision', [4, 5]],
    ['offset', [1, 2]],
    ['epoch and offset', [1, 2 ** 40 + 2]],
  ] as const)('%s', (guard, versions) => {
    expect(versionsBy(guard, records)).toEqual(versions)
  })
})

test('the report has a row for each guard, and nothing to say of a run that broke off', () => {
  expect(report(historyOf()).tables[0]?.rows.map(([guard]) => guard)).toEqual([...guards])
  expect(report(historyOf().slice(0, 1)).tables[0]?.rows[0]?.slice(1)).toEqual(situations.map(() => 'not tried'))
})
