import type { Fact, Report } from '../runner/experiment.ts'
import { concurrencies, describeRatio, latencyRatio, throughputRatio } from './checks.ts'
import { entriesOf, type Entry, type EntryOf, type Variant } from './history.ts'

const variants: readonly Variant[] = ['order alone', 'two commits', 'two-phase commit']

export function report(history: readonly Entry[]): Report {
  const kills = entriesOf(history, 'coordinator killed')
  return {
    tables: [
      {
        title: 'Each kill -9 of the coordinator (orders / read model)',
        head: ['acknowledged', 'in doubt', 'ended in one only', 'rows locked', 'away, s', 'recovery, s', 'differences'],
        rows: kills.map((trial) => [
          String(trial.acknowledged),
          `${trial.inDoubt.orders} / ${trial.inDoubt.readModel}`,
          String(trial.halfEnded),
          `${trial.lockedRows.orders} / ${trial.lockedRows.readModel}`,
          (trial.awayMs / 1_000).toFixed(1),
          (trial.recoveryMs / 1_000).toFixed(2),
          String(differencesIn(trial)),
        ]),
      },
      {
        title: 'The price: median of the rounds, and two-phase commit as a ratio to the other, 95% interval',
        head: ['clients', 'variant', 'writes/s', 'p50, ms', 'p95, ms', 'WAL, bytes/write', 'throughput', 'p50'],
        rows: concurrencies.flatMap((concurrency) =>
          variants.map((variant) => {
            const rounds = entriesOf(history, 'price').filter(
              (price) => price.variant === variant && price.concurrency === concurrency,
            )
            const ratio = (of: typeof throughputRatio): string =>
              variant === 'two-phase commit' ? '' : describeRatio(of(history, [concurrency], variant))
            return [
              String(concurrency),
              variant,
              median(rounds.map(({ writes, durationMs }) => (writes / durationMs) * 1_000)).toFixed(0),
              median(rounds.map(({ p50Ms }) => p50Ms)).toFixed(2),
              median(rounds.map(({ p95Ms }) => p95Ms)).toFixed(2),
              median(rounds.map(({ writes, walBytes }) => walBytes / writes)).toFixed(0),
              ratio(throughputRatio),
              ratio(latencyRatio),
            ]
          }),
        ),
      },
    ],
    facts: factsOf(history),
    charts: [
      {
        title: 'Throughput of two-phase commit as a share of a single-phase write',
        kind: 'line',
        x: 'concurrent writers',
        y: 'ratio of throughput',
        series: variants
          .filter((variant) => variant !== 'two-phase commit')
          .map((variant) => ({
            name: `against ${variant}`,
            points: concurrencies.flatMap((concurrency) => {
              const ratio = throughputRatio(history, [concurrency], variant)
              return ratio === undefined
                ? []
                : [{ x: concurrency, y: ratio.estimate, low: ratio.low, high: ratio.high }]
            }),
          })),
      },
    ],
  }
}

function differencesIn({ comparison }: EntryOf<'coordinator killed'>): number {
  const { onlyInOrders, onlyInReadModel, different } = comparison
  return onlyInOrders.length + onlyInReadModel.length + different.length
}

function factsOf(history: readonly Entry[]): readonly Fact[] {
  const strategy = 'two-phase-commit'
  const kills = entriesOf(history, 'coordinator killed')
  const total = (of: (trial: EntryOf<'coordinator killed'>) => number): number =>
    kills.reduce((sum, trial) => sum + of(trial), 0)
  const different = total(differencesIn)
  const locked = total(({ lockedRows }) => lockedRows.orders + lockedRows.readModel)
  const ratio = throughputRatio(history, concurrencies, 'order alone')
  return [
    ...(kills.length === 0
      ? []
      : [
          {
            ...{ strategy, against: 'kill -9' },
            fact: `${different === 0 ? 'none' : different} wrong after recovery; ${locked} rows locked until then, in ${kills.length} deaths`,
          },
        ]),
    ...(ratio === undefined
      ? []
      : [{ strategy, against: 'cost to the writer', fact: `throughput × ${ratio.estimate.toFixed(2)} of one commit` }]),
  ]
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
