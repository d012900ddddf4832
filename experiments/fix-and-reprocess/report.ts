/** Tables, chart and facts; pure functions of the history. */
import type { Report } from '../runner/experiment.ts'
import { isAmbiguous } from './checks.ts'
import { entriesOf, versions, type Comparison, type Entry } from './history.ts'

const euros = (amountCents: number): string => (amountCents / 100).toFixed(2)

export function report(history: readonly Entry[]): Report {
  const [seen] = entriesOf(history, 'seen')
  const [replayed] = entriesOf(history, 'replayed')
  const [ended] = entriesOf(history, 'ended')
  const [inPlace] = entriesOf(history, 'in place')
  const lines = entriesOf(history, 'line')
  const reads = entriesOf(history, 'read')
  const [firstRead] = reads
  const rate = replayed === undefined ? 0 : (replayed.events / replayed.durationMs) * 1_000
  return {
    tables: [
      {
        title: 'Revenue by day and article',
        head: ['view', 'rows', 'wrong rows', 'revenue', 'exact', 'off by'],
        rows: [
          ...(seen === undefined ? [] : [rowOf('from the log, as shipped', seen.comparison)]),
          ...(ended === undefined ? [] : [rowOf('from the log, fixed and replayed', ended.comparison)]),
          ...(inPlace === undefined
            ? []
            : [
                [
                  'updated in place, computed again from what is left',
                  String(inPlace.rows),
                  `${inPlace.rowsLost} unknown`,
                  `${euros(inPlace.lowCents)} to ${euros(inPlace.highCents)}, and ${inPlace.linesGone} lines that are gone`,
                  euros(inPlace.exactCents),
                  'nobody can say',
                ],
              ]),
        ],
      },
      {
        title: 'The replay',
        head: [
          'events',
          'seconds',
          'events/s',
          'events written meanwhile',
          'taken by the running view',
          'reads meanwhile',
        ],
        rows:
          replayed === undefined
            ? []
            : [
                [
                  String(replayed.events),
                  (replayed.durationMs / 1_000).toFixed(1),
                  rate.toFixed(0),
                  String(replayed.eventsWritten),
                  String(replayed.eventsTakenByRunning),
                  String(reads.length),
                ],
              ],
      },
    ],
    charts: [
      {
        title: 'What a reader sees: the revenue, as it grows, before and after the switch',
        kind: 'line',
        x: 'seconds',
        y: 'revenue, thousands',
        series: versions.map((version) => ({
          name: version,
          points: reads.flatMap(({ atMs, found }) =>
            found?.version === version
              ? [{ x: (atMs - (firstRead?.atMs ?? 0)) / 1_000, y: found.totalCents / 100_000 }]
              : [],
          ),
        })),
      },
    ],
    facts: [
      ...(ended === undefined || replayed === undefined
        ? []
        : [
            {
              ...{ strategy: 'event-sourcing', against: 'a bug that has run for long' },
              fact: `${ended.comparison.differing} of ${ended.comparison.rows} rows wrong after a replay, ${rate.toFixed(0)} events/s`,
            },
          ]),
      ...(inPlace === undefined
        ? []
        : [
            {
              ...{ strategy: 'rows updated in place', against: 'a bug that has run for long' },
              fact: `${inPlace.rowsLost} of ${inPlace.rows} rows cannot be computed again, ${lines.filter(isAmbiguous).length} of ${lines.length} lines are ambiguous`,
            },
          ]),
    ],
  }
}

function rowOf(view: string, { rows, differing, totalCents, exactCents }: Comparison): readonly string[] {
  return [view, String(rows), String(differing), euros(totalCents), euros(exactCents), euros(totalCents - exactCents)]
}
