/** Each part of the claim, on made-up histories: what must refute it, what lets it hold, and what tells nothing. */
import { describe, expect, test } from '@jest/globals'
import type { Check } from '../runner/experiment.ts'
import { checkInCodeOversells, conditionalSellsExactly, logSellsExactly, serializableSellsExactly } from './checks.ts'
import { oversold, ways, type Entry, type Stock, type Way } from './history.ts'
import { report } from './report.ts'

const stock = (differing: Partial<Stock> = {}): Stock => ({ sold: 5, refused: 5, open: 0, recorded: 5, ...differing })
const sale = (way: Way, differing: Partial<Entry> = {}): Entry => ({
  ...{ way, round: 1, clients: 16, unitsEach: 5, stocks: [stock()], retries: 3 },
  ...{ durationMs: 1_000, p50Ms: 1, p99Ms: 2 },
  ...differing,
})
const soldTwice = stock({ sold: 7, refused: 3, recorded: 7 })

type Histories = Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>

const exact = (way: Way): Histories => ({
  holds: [
    [sale(way)],
    [sale(way), sale(way, { clients: 1 })],
    [sale(way, { stocks: [stock({ sold: 4, open: 1 })] })],
    [sale(way), sale('check-in-code', { stocks: [soldTwice] })],
  ],
  refuted: [
    [sale(way), sale(way, { stocks: [stock(), soldTwice] })],
    // Acknowledged and lost; recorded and never told; refused while there was one.
    [sale(way, { stocks: [stock({ sold: 5, recorded: 4 })] })],
    [sale(way, { stocks: [stock({ sold: 4, recorded: 5 })] })],
    [sale(way, { stocks: [stock({ sold: 4, refused: 6, recorded: 4 })] })],
  ],
  unknown: [[], [sale(way, { clients: 1 })], [sale(way, { stocks: [stock({ sold: 4, refused: 0, recorded: 4 })] })]],
})

describe.each<readonly [string, Check<Entry>, Histories]>([
  ['the log', logSellsExactly, exact('log')],
  ['the conditional update', conditionalSellsExactly, exact('conditional')],
  [
    'serializable',
    serializableSellsExactly,
    {
      ...exact('serializable'),
      unknown: [...exact('serializable').unknown, [sale('serializable', { retries: 0 })]],
    },
  ],
  [
    'the check in code',
    checkInCodeOversells,
    {
      holds: [[sale('check-in-code', { clients: 1 }), sale('check-in-code', { stocks: [soldTwice] })]],
      refuted: [
        [sale('check-in-code', { clients: 1 }), sale('check-in-code')],
        [sale('check-in-code', { clients: 1, stocks: [soldTwice] }), sale('check-in-code', { stocks: [soldTwice] })],
      ],
      unknown: [[], [sale('check-in-code', { clients: 1 })], [sale('check-in-code', { stocks: [soldTwice] })]],
    },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history).verdict).toBe(verdict)
  })
})

test('what is left of one stock does not make up for what was sold twice of another', () => {
  const stocks = [soldTwice, stock({ sold: 3, refused: 0, recorded: 3 })]
  expect(oversold(sale('log', { stocks }))).toBe(2)
})

test('the report has a row for every way and every contention', () => {
  const { tables, charts, facts } = report(ways.flatMap((way) => [sale(way), sale(way, { clients: 1 })]))
  expect(tables[0]?.rows).toHaveLength(8)
  expect(charts.every(({ series }) => series.length === 4)).toBe(true)
  expect(facts).toHaveLength(4)
})
