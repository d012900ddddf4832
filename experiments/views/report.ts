/** Tables, charts and facts; pure functions of the history. */
import type { Report } from '../runner/experiment.ts'
import { percentile } from '../runner/statistics.ts'
import { describe, readRatio } from './checks.ts'
import { entriesOf, forms, type Entry, type Form } from './history.ts'

const words: Readonly<Record<Form, string>> = { view: 'documents, from the log', join: 'tables, joined when read' }
const median = (numbers: readonly number[]): string => (numbers.length === 0 ? '' : percentile(numbers, 0.5).toFixed(2))
const mean = (numbers: readonly number[]): string =>
  numbers.length === 0 ? '' : (numbers.reduce((sum, one) => sum + one, 0) / numbers.length).toFixed(1)

export function report(history: readonly Entry[]): Report {
  const [built] = entriesOf(history, 'built')
  const ratio = readRatio(history)
  const renames = entriesOf(history, 'renamed').filter(({ documents }) => documents > 0)
  const rate = built === undefined ? 0 : (built.events / built.durationMs) * 1_000
  return {
    tables: [
      {
        title: 'Building the view',
        head: ['events', 'days', 'seconds', 'events/s', 'documents written', 'per event', 'events written meanwhile'],
        rows:
          built === undefined
            ? []
            : [
                [
                  String(built.events),
                  String(built.historyDays),
                  (built.durationMs / 1_000).toFixed(1),
                  rate.toFixed(0),
                  String(built.documentsWritten),
                  (built.documentsWritten / built.events).toFixed(2),
                  String(built.eventsWritten),
                ],
              ],
      },
      {
        title: 'What each form costs: medians of reading, means of renaming a customer',
        head: ['form', 'p50, ms', 'p99, ms', 'rows per new name', 'WAL bytes per new name', 'ms per new name', 'kB'],
        rows: forms.map((form) => {
          const reads = entriesOf(history, 'reads').filter((entry) => entry.form === form)
          const costs = entriesOf(history, 'rename cost').filter((entry) => entry.form === form)
          const [size] = entriesOf(history, 'size').filter((entry) => entry.form === form)
          return [
            words[form],
            median(reads.map(({ p50Ms }) => p50Ms)),
            median(reads.map(({ p99Ms }) => p99Ms)),
            mean(costs.map(({ rowsWritten }) => rowsWritten)),
            mean(costs.map(({ walBytes }) => walBytes)),
            mean(costs.map(({ durationMs }) => durationMs)),
            size === undefined ? '' : (size.bytes / 1_024).toFixed(0),
          ]
        }),
      },
      {
        title: 'Reading the view, as a share of the join: median latency, 95% interval over the rounds',
        head: ['ratio'],
        rows: ratio === undefined ? [] : [[describe(ratio)]],
      },
    ],
    charts: [
      {
        title: 'Until a new name is in every document of the customer, while orders come in',
        kind: 'bar',
        x: 'renames, from the quickest on',
        y: 'ms',
        series: [
          {
            name: 'new names',
            points: renames
              .toSorted((one, other) => one.afterMs - other.afterMs)
              .map(({ afterMs, documents }, index) => ({ x: `${index + 1}: ${documents} documents`, y: afterMs })),
          },
        ],
      },
    ],
    facts:
      built === undefined
        ? []
        : [
            {
              ...{ strategy: 'event-sourcing', against: 'a question that nobody thought of' },
              fact: `${built.historyDays} days answered after ${(built.durationMs / 1_000).toFixed(1)} s, ${rate.toFixed(0)} events/s; reads × ${ratio === undefined ? '?' : ratio.estimate.toFixed(2)} of a join`,
            },
          ],
  }
}
