/** What the history says: wrong copies per 10,000 requests, by strategy and fault. */
import type { Check, Finding, Report } from '../runner/experiment.ts'
import { phases, requestsMin, type Phase } from './faults.ts'
import { dualWrites, strategies, throughLog, tried, type Entry, type Strategy } from './history.ts'

type History = readonly Entry[]
type WrongCopy = Extract<Entry, { readonly kind: 'wrong-copy' }>

const faults: readonly Phase[] = phases.filter((phase) => phase !== 'nothing fails')

function requestsOf(history: History, strategy: Strategy, phase: Phase): number {
  return history.reduce((sum, entry) => {
    if (entry.kind !== 'phase' || entry.strategy !== strategy || entry.phase !== phase) return sum
    const { ok, failed, indeterminate } = entry.outcomes
    return sum + ok + failed + indeterminate
  }, 0)
}

function wrongCopies(history: History, strategy: Strategy, phase?: Phase): readonly WrongCopy[] {
  return history.filter(
    (entry): entry is WrongCopy =>
      entry.kind === 'wrong-copy' && entry.strategy === strategy && (phase === undefined || entry.phase === phase),
  )
}

/** Why nothing can be said of these strategies; undefined when something can. */
function unseen(history: History, of: readonly Strategy[]): Finding | undefined {
  const unknown = (because: string): Finding => ({ verdict: 'unknown', because })
  for (const strategy of of) {
    for (const phase of phases) {
      const seen = history.find(
        (entry) => entry.kind === 'phase' && entry.phase === phase && entry.strategy === strategy,
      )
      if (seen?.kind !== 'phase') return unknown(`the phase "${phase}" of ${strategy} did not end`)
      const requests = requestsOf(history, strategy, phase)
      if (requests < requestsMin) return unknown(`only ${requests} requests of ${strategy} in "${phase}"`)
      if (phase === 'kill -9' && seen.deaths === 0) return unknown(`nothing of ${strategy} was killed`)
      if (phase !== 'kill -9' && phase !== 'nothing fails' && seen.hits === 0) {
        return unknown(`"${phase}" hit nothing of ${strategy}`)
      }
    }
  }
  for (const strategy of of) {
    const audit = history.find((entry) => entry.kind === 'audit' && entry.strategy === strategy)
    if (audit?.kind !== 'audit') return unknown(`${strategy} was not audited`)
    if (audit.verdict === 'unknown')
      return unknown(`the audit of ${strategy} could not tell: ${audit.doubts.join('; ')}`)
  }
  // What is wrong though nothing failed has another reason than the one that is looked for here.
  const before = of
    .flatMap((strategy) => wrongCopies(history, strategy, 'nothing fails'))
    .filter(({ acknowledged }) => acknowledged)
  if (before.length > 0) {
    const because = `${before.length} wrong copies though nothing failed`
    return { verdict: 'unknown', because, evidence: before.slice(0, 10) }
  }
  return undefined
}

export const checks: readonly Check<Entry>[] = [
  ...dualWrites.map((strategy): Check<Entry> => ({
    statement: `${strategy} leaves wrong copies behind`,
    ...leftOut(strategy),
    check: (history) => {
      const nothing = unseen(history, [strategy])
      if (nothing !== undefined) return nothing
      const counts = faults.map((phase) => `${phase}: ${wrongCopies(history, strategy, phase).length}`)
      const all = wrongCopies(history, strategy)
      return {
        verdict: all.length > 0 ? 'holds' : 'refuted',
        because: counts.join(', '),
        evidence: all.slice(0, 10),
      }
    },
  })),
  {
    statement:
      'a write that lands late undoes a newer one: the store holds an older revision though every request was answered',
    check: (history) => {
      const nothing = unseen(history, ['dual-write-retry'])
      if (nothing !== undefined) return nothing
      const undone = wrongCopies(history, 'dual-write-retry', 'request late').filter(
        ({ acknowledged, revision, stores }) =>
          acknowledged &&
          stores.some((held) => held.kind === 'stale' && held.revision !== null && held.revision < (revision ?? 0)),
      )
      return {
        verdict: undone.length > 0 ? 'holds' : 'refuted',
        because: `${undone.length} orders of dual-write-retry with every request acknowledged`,
        evidence: undone.slice(0, 10),
      }
    },
  },
  ...throughLog.map((strategy): Check<Entry> => ({
    statement: `${strategy} leaves none`,
    ...leftOut(strategy),
    check: (history) => {
      const nothing = unseen(history, [strategy])
      // Whatever else was not seen: a wrong copy is a wrong copy.
      const wrong = wrongCopies(history, strategy)
      if (wrong.length > 0) {
        return { verdict: 'refuted', because: `${wrong.length} wrong copies`, evidence: wrong.slice(0, 20) }
      }
      if (nothing !== undefined) return nothing
      const requests = phases.map((phase) => requestsOf(history, strategy, phase))
      return { verdict: 'holds', because: `none after ${requests.reduce((sum, some) => sum + some, 0)} requests` }
    },
  })),
]

function leftOut(strategy: Strategy): Pick<Check<Entry>, 'onlyInFull'> {
  return tried(strategy, true) ? {} : { onlyInFull: 'it takes long' }
}

export function report(history: History): Report {
  const seen = strategies.filter((strategy) => history.some((entry) => entry.strategy === strategy))
  const perTenThousand = (strategy: Strategy, phase: Phase): number | undefined => {
    const requests = requestsOf(history, strategy, phase)
    return requests === 0 ? undefined : (wrongCopies(history, strategy, phase).length / requests) * 10_000
  }
  const describe = (strategy: Strategy, phase: Phase): string =>
    `${wrongCopies(history, strategy, phase).length} of ${requestsOf(history, strategy, phase)}`
  return {
    tables: [
      {
        title: 'Orders with a wrong copy, of requests, by what failed',
        head: ['strategy', ...phases],
        rows: seen.map((strategy) => [strategy, ...phases.map((phase) => describe(strategy, phase))]),
      },
      {
        title: 'Orders with a wrong copy per 10,000 requests',
        head: ['strategy', ...phases],
        rows: seen.map((strategy) => [
          strategy,
          ...phases.map((phase) => perTenThousand(strategy, phase)?.toFixed(0) ?? '–'),
        ]),
      },
      {
        title: 'How the requests ended, as the client sees it',
        head: ['strategy', 'ok', 'failed', 'indeterminate'],
        rows: seen.map((strategy) => {
          const phasesSeen = history.flatMap((entry) =>
            entry.kind === 'phase' && entry.strategy === strategy ? [entry.outcomes] : [],
          )
          return [
            strategy,
            ...(['ok', 'failed', 'indeterminate'] as const).map((outcome) =>
              String(phasesSeen.reduce((sum, counts) => sum + counts[outcome], 0)),
            ),
          ]
        }),
      },
    ],
    charts: [
      {
        title: 'What failures leave behind',
        kind: 'bar',
        x: 'strategy',
        y: 'wrong orders per 10,000 requests',
        series: faults.map((phase) => ({
          name: phase,
          points: seen.map((strategy) => ({ x: strategy, y: perTenThousand(strategy, phase) ?? 0 })),
        })),
      },
    ],
    facts: seen.flatMap((strategy) =>
      faults.map((phase) => {
        const wrong = wrongCopies(history, strategy, phase).length
        const fact =
          wrong === 0 ? 'none wrong' : `${perTenThousand(strategy, phase)?.toFixed(0) ?? '–'} wrong per 10,000`
        return { strategy, against: phase, fact }
      }),
    ),
  }
}
