/** Tables of the history; pure. */
import type { Report, Table } from '../runner/experiment.ts'
import { guards, situations, type Entry, type Guard, type Recorded, type Situation } from './history.ts'
import { recordsOf, summarize } from './summary.ts'

export function report(history: readonly Entry[]): Report {
  return {
    tables: [verdictsOf(history), wrongByStory(history), numbersOf(history)],
    charts: [],
    facts: [{ strategy: 'cdc', against: 'what a version is made of', fact: rightIn(history) }],
  }
}

function rightIn(history: readonly Entry[]): string {
  const tried = situations.filter((situation) => summarize(history, situation, 'arrival').orders > 0)
  const counts = guards.map((guard) => {
    const right = tried.filter((situation) => summarize(history, situation, guard).wrong.length === 0)
    return `by ${guard} ${right.length}`
  })
  return `of ${tried.length} situations end right: ${counts.join(', ')}`
}

function verdictsOf(history: readonly Entry[]): Table {
  return {
    title: 'How the orders end by each guard, and how many a reader saw go back meanwhile',
    head: ['guard', ...situations],
    rows: guards.map((guard) => [guard, ...situations.map((situation) => cell(history, situation, guard))]),
  }
}

function cell(history: readonly Entry[], situation: Situation, guard: Guard): string {
  const { wrong, orders, wentBack } = summarize(history, situation, guard)
  if (orders === 0) return 'not tried'
  const end = wrong.length === 0 ? 'right' : `${wrong.length} wrong of ${orders}`
  return wentBack.length === 0 ? end : `${end}, ${wentBack.length} went back`
}

function wrongByStory(history: readonly Entry[]): Table {
  return {
    title: 'The orders that end wrong, by what was done with them',
    head: ['situation', 'guard', 'orders', 'wrong'],
    rows: situations.flatMap((situation) =>
      guards.flatMap((guard) =>
        [...Map.groupBy(summarize(history, situation, guard).wrong, ({ story }) => story)].map(([story, wrong]) => [
          ...[situation, guard, story, String(wrong.length)],
        ]),
      ),
    ),
  }
}

/** One order of each story that a number of the log or of the row does not tell right. */
function numbersOf(history: readonly Entry[]): Table {
  return {
    title: 'What the records of some of these orders say, in the order of the log',
    head: ['order', 'state', 'operation', 'lsn', 'sequence', 'ts_us', 'revision', 'topic', 'offset'],
    rows: situations.flatMap((situation) => {
      const wrong = guards
        .filter((guard) => guard !== 'arrival' && guard !== 'offset')
        .flatMap((guard) => summarize(history, situation, guard).wrong)
      const examples = new Map(wrong.map(({ story, key }) => [story, key]))
      return [...examples].flatMap(([story, key]) =>
        recordsOf(history, situation)
          .filter((record) => record.key === key)
          .slice(-4)
          .map((record) => rowOf(story, record)),
      )
    }),
  }
}

function rowOf(story: string, record: Recorded): readonly string[] {
  const { step, op, snapshot, lsn, sequence, tsUs, revision, topicNumber, offset } = record
  return [
    ...[story, String(step), snapshot === 'incremental' ? `${op}, incremental` : op],
    ...[String(lsn), JSON.stringify(sequence), String(tsUs), String(revision), String(topicNumber), String(offset)],
  ]
}
