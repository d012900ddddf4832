/** Tables and facts; pure functions of the history. */
import type { Report } from '../runner/experiment.ts'
import { changesOf, divergenceOf, isSpread, isWrong, outcomesOf, outdatedWrites } from './checks.ts'
import { cells, keyings, situations, type CellName, type Entry, type Situation } from './history.ts'

const words: Readonly<Record<Situation, string>> = {
  live: 'nothing fails',
  backlog: 'sinks catch up',
  zombie: 'a zombie writes late',
}
const divergences = ['missing', 'resurrected', 'stale', 'corrupt'] as const

export function report(history: readonly Entry[]): Report {
  return {
    tables: [
      {
        title: 'Orders that end wrong',
        head: ['topic keyed by', 'guard', 'situation', 'orders', 'wrong', ...divergences, 'late writes, outdated'],
        rows: cells.flatMap((cell) =>
          situations.map((situation) => {
            const outcomes = outcomesOf(history, { ...cell, situation })
            const wrong = outcomes.filter(isWrong)
            return [
              ...[cell.keying, cell.guarded ? 'yes' : 'no', words[situation]],
              ...[String(outcomes.length), String(wrong.length)],
              ...divergences.map((kind) => String(wrong.filter((outcome) => divergenceOf(outcome) === kind).length)),
              situation === 'zombie' ? String(outdatedWrites(history, cell).length) : '–',
            ]
          }),
        ),
      },
      {
        title: 'The same changes in both topics',
        head: ['topic keyed by', 'records', 'orders', 'orders in several partitions', 'records by partition'],
        rows: keyings.map((keying) => {
          const changes = [...changesOf(history, keying).values()]
          const byPartition = Map.groupBy(changes.flat(), ({ partition }) => partition)
          return [
            keying,
            String(changes.flat().length),
            String(changes.length),
            String(changes.filter(isSpread).length),
            [...byPartition]
              .toSorted(([left], [right]) => left - right)
              .map(([, records]) => records.length)
              .join(', '),
          ]
        }),
      },
    ],
    charts: [
      {
        title: 'Orders that end wrong',
        kind: 'bar',
        x: 'topic and store',
        y: '%',
        series: situations.map((situation) => ({
          name: words[situation],
          points: cells.flatMap((cell) => {
            const { wrong, orders } = shareOf(history, cell, situation)
            return orders === 0 ? [] : [{ x: nameOf(cell), y: (wrong / orders) * 100 }]
          }),
        })),
      },
    ],
    facts: cells.flatMap((cell) =>
      situations.flatMap((situation) => {
        const { wrong, orders } = shareOf(history, cell, situation)
        if (orders === 0) return []
        const fact = wrong === 0 ? `none of ${orders} wrong` : `${wrong} of ${orders} wrong`
        return [{ strategy: strategyOf(cell), against: against[situation], fact }]
      }),
    ),
  }
}

function shareOf(
  history: readonly Entry[],
  cell: CellName,
  situation: Situation,
): { readonly wrong: number; readonly orders: number } {
  const outcomes = outcomesOf(history, { ...cell, situation })
  return { wrong: outcomes.filter(isWrong).length, orders: outcomes.length }
}

const nameOf = ({ keying, guarded }: CellName): string => `by ${keying}, ${guarded ? 'guard' : 'no guard'}`

/** The lane's own way is the first cell. */
const strategyOf = (cell: CellName): string =>
  cell.keying === 'id' && cell.guarded ? 'cdc' : `cdc, keyed ${nameOf(cell)}`

const against: Readonly<Record<Situation, string>> = {
  live: 'several partitions, two instances',
  backlog: 'sinks that catch up',
  zombie: "a zombie's late write",
}
