import { describe, expect, test } from '@jest/globals'
import type { Verdict } from '../runner/experiment.ts'
import { checks, report, summarize } from './checks.ts'
import { entrySchema, readers, type Entry, type Reader } from './history.ts'

const order = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const event = (number: number, revision: number) => ({ order: order(number), revision })
const orderCount = 300
const revisions = [2, 3]

/** Two events of each order, the even orders' of long transactions; what each reader published is the caller's. */
function historyOf(
  publish: (reader: Reader) => readonly { readonly order: string; readonly revision: number; readonly atMs?: number }[],
  options: {
    readonly finished?: boolean
    readonly sequenceFalls?: number
    readonly transactionIdFalls?: number
    readonly orders?: number
  } = {},
): readonly Entry[] {
  const { finished = true, sequenceFalls = 0, transactionIdFalls = 3, orders = orderCount } = options
  const committed = Array.from({ length: orders }, (_none, number) =>
    revisions.map((revision): Entry => ({
      ...{ type: 'committed', ...event(number, revision) },
      ...{ transactionSize: number % 2 === 0 ? 6 : 1, atMs: revision * 100 },
    })),
  ).flat()
  return [
    ...committed,
    ...readers.flatMap((reader): Entry[] => [
      ...publish(reader).map((each): Entry => ({ type: 'published', reader, atMs: 1_000, ...each })),
      ...(finished ? [{ type: 'finished', reader } as const] : []),
    ]),
    { type: 'numbering', workload: 'mixed', neighbours: orders * 2, transactionIdFalls: 7, sequenceFalls },
    { type: 'numbering', workload: 'service', neighbours: orders * 2, transactionIdFalls, sequenceFalls: 0 },
  ].map((entry) => entrySchema.parse(entry))
}

const everything = (orders = orderCount) =>
  Array.from({ length: orders }, (_none, number) => revisions.map((revision) => event(number, revision))).flat()
const without = (number: number) => everything().filter(({ order: id }) => id !== order(number))
const swapped = (number: number) => [...without(number), event(number, 3), event(number, 2)]

/** As the claim says it is. */
const asClaimed = (reader: Reader) => {
  switch (reader) {
    case 'after-id':
      return without(4)
    case 'horizon':
      return swapped(4).map((each) => ({ ...each, atMs: 2_000 }))
    case 'snapshot':
    case 'take':
    case 'connector':
      return everything()
  }
}

const verdictsOf = (history: readonly Entry[]): Readonly<Record<string, Verdict>> =>
  Object.fromEntries(checks.map(({ statement, check }) => [statement, check(history).verdict]))
const all = (verdict: Verdict) => Object.fromEntries(checks.map(({ statement }) => [statement, verdict]))

/** Those that are not of a reader. */
const ofNumbers = (statement: string): boolean => /sequence number|transaction id/.test(statement)

describe('the checks', () => {
  test('hold when everything is as claimed', () => {
    expect(verdictsOf(historyOf(asClaimed))).toEqual(all('holds'))
  })

  test('are refuted when everything is the other way round', () => {
    const otherwise = (reader: Reader) => {
      switch (reader) {
        case 'after-id':
          return everything()
        case 'horizon':
          return without(4)
        case 'snapshot':
          return swapped(4)
            .filter(({ order: id }) => id !== order(6))
            .map((each) => ({ ...each, atMs: 2_000 }))
        case 'take':
        case 'connector':
          return swapped(4).filter(({ order: id }) => id !== order(6))
      }
    }
    expect(verdictsOf(historyOf(otherwise, { sequenceFalls: 1, transactionIdFalls: 0 }))).toEqual(all('refuted'))
  })

  test.each([
    ['a reader did not come to the end', historyOf(asClaimed, { finished: false })],
    ['hardly anything was committed', historyOf((reader) => asClaimed(reader).slice(0, 4), { orders: 2 })],
  ])('know nothing when %s', (_why, history) => {
    const ofReaders = Object.entries(verdictsOf(history)).filter(([statement]) => !ofNumbers(statement))
    expect(Object.fromEntries(ofReaders)).toEqual(
      Object.fromEntries(ofReaders.map(([statement]) => [statement, 'unknown'])),
    )
  })

  test('know nothing of the numbers without enough pairs', () => {
    const known = Object.entries(verdictsOf(historyOf(asClaimed, { orders: 2 })))
    expect(known.filter(([statement]) => ofNumbers(statement)).map(([, verdict]) => verdict)).toEqual([
      'unknown',
      'unknown',
    ])
  })
})

describe('a summary', () => {
  test('names what was lost, what came late and what ends stale, and a repetition is neither', () => {
    const published = [...swapped(4), event(5, 2), event(5, 3)].filter(({ order: id }) => id !== order(6))
    expect(
      summarize(
        historyOf(() => published),
        'take',
      ),
    ).toMatchObject({
      lost: [`${order(6)}@2`, `${order(6)}@3`],
      inverted: [`${order(4)}@2`],
      leftStale: [order(4)],
    })
  })

  test('measures from the commit to the first time it was seen', () => {
    const { latenciesMs } = summarize(
      historyOf(() => [
        { ...event(1, 2), atMs: 250 },
        { ...event(1, 2), atMs: 900 },
      ]),
      'take',
    )
    expect(latenciesMs).toEqual([50])
  })
})

test('the report has a row for each reader', () => {
  expect(report(historyOf(asClaimed)).tables[0]?.rows.map(([reader]) => reader)).toEqual([...readers])
})
