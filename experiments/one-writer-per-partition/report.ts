/** Tables, charts and facts; pure functions of the history. */
import type { Chart, Fact, Report } from '../runner/experiment.ts'
import { percentile } from '../runner/statistics.ts'
import { oversold, total, ways, type Entry, type Way } from './history.ts'

const words: Readonly<Record<Way, string>> = {
  log: 'one writer per partition',
  serializable: 'SERIALIZABLE, tried again',
  conditional: 'READ COMMITTED, checked in the UPDATE',
  'check-in-code': 'READ COMMITTED, checked in code',
}

interface Cell {
  readonly way: Way
  readonly clients: number
  readonly stocks: number
  readonly sales: readonly Entry[]
}

const attemptsOf = (sale: Entry): number => total(sale, ({ sold, refused, open }) => sold + refused + open)
const perSecond = (sale: Entry): number => (attemptsOf(sale) / sale.durationMs) * 1_000
const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0)
const median = (numbers: readonly number[]): number => percentile(numbers, 0.5)

function cellsOf(history: readonly Entry[]): readonly Cell[] {
  const groups = Map.groupBy(history, ({ way, clients, stocks }) => `${stocks.length} ${clients} ${way}`)
  return [...groups.values()]
    .flatMap((sales) => {
      const [first] = sales
      return first === undefined ? [] : [{ way: first.way, clients: first.clients, stocks: first.stocks.length, sales }]
    })
    .toSorted(
      (one, other) =>
        one.stocks - other.stocks || one.clients - other.clients || ways.indexOf(one.way) - ways.indexOf(other.way),
    )
}

export function report(history: readonly Entry[]): Report {
  const cells = cellsOf(history)
  return {
    tables: [
      {
        title: 'Sales of limited goods: twice as many attempts as units; speeds are medians of the rounds',
        head: [
          'stocks',
          'clients',
          'way',
          'units',
          'sold too often',
          'tried again',
          'attempts/s',
          'p50, ms',
          'p99, ms',
        ],
        rows: cells.map(({ way, clients, stocks, sales }) => [
          ...[String(stocks), String(clients), words[way]],
          String(sum(sales.map(({ unitsEach }) => unitsEach * stocks))),
          String(sum(sales.map(oversold))),
          (sum(sales.map(({ retries }) => retries)) / sum(sales.map(attemptsOf))).toFixed(2),
          median(sales.map(perSecond)).toFixed(0),
          median(sales.map(({ p50Ms }) => p50Ms)).toFixed(1),
          median(sales.map(({ p99Ms }) => p99Ms)).toFixed(1),
        ]),
      },
    ],
    charts: [...new Set(cells.map(({ stocks }) => stocks))].flatMap((stocks) => {
      const among = cells.filter((cell) => cell.stocks === stocks)
      const of = stocks === 1 ? 'one stock' : `${stocks} stocks`
      return [
        lines(among, `Attempts at ${of}`, 'attempts/s', perSecond),
        lines(among, `Waiting for an answer, ${of}`, 'p99, ms', ({ p99Ms }) => p99Ms),
        lines(among, `Units of ${of} sold too often`, '% of the units', (sale) => {
          return (oversold(sale) / (sale.unitsEach * stocks)) * 100
        }),
      ]
    }),
    facts: ways.flatMap((way) => factOf(history, way)),
  }
}

function lines(cells: readonly Cell[], title: string, y: string, of: (sale: Entry) => number): Chart {
  const isShare = y.startsWith('%')
  return {
    ...{ title, kind: 'line', x: 'clients', y, yScale: isShare ? 'linear' : 'log' },
    series: ways.map((way) => ({
      name: words[way],
      points: cells
        .filter((cell) => cell.way === way)
        .map(({ clients, sales }) => ({ x: clients, y: median(sales.map(of)) })),
    })),
  }
}

const strategies: Readonly<Record<Way, string>> = {
  log: 'event-sourcing',
  serializable: 'cdc, SERIALIZABLE',
  conditional: 'cdc, checked in the UPDATE',
  'check-in-code': 'cdc, checked in code',
}

function factOf(history: readonly Entry[], way: Way): readonly Fact[] {
  const contested = history.filter((sale) => sale.way === way && sale.clients > 1)
  if (contested.length === 0) return []
  const units = sum(contested.map(({ unitsEach, stocks }) => unitsEach * stocks.length))
  const tooMany = sum(contested.map(oversold))
  return [
    {
      strategy: strategies[way],
      against: 'buyers of the last unit',
      fact: `${tooMany === 0 ? 'none' : tooMany} of ${units} sold twice`,
    },
  ]
}
