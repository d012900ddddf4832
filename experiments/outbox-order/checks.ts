/** Pure functions of the history: what each reader lost, in which order it published, and how long that took. */
import type { Check, Finding, Report } from '../runner/experiment.ts'
import { percentile, wilson } from '../runner/statistics.ts'
import {
  readers,
  type Committed,
  type Entry,
  type Numbering,
  type Published,
  type Reader,
  type Workload,
} from './history.ts'

export interface ReaderSummary {
  readonly finished: boolean
  readonly published: number
  /** Committed, and never published. */
  readonly lost: readonly string[]
  /** Published after a later change of the same order. */
  readonly inverted: readonly string[]
  /** Orders of which the last change that was published is not the newest that was. */
  readonly leftStale: readonly string[]
  /** From the commit to a consumer, in milliseconds: of events of transactions that changed one order. */
  readonly latenciesMs: readonly number[]
}

const committedMin = 500
/** Fewer transactions of many orders, and nothing had a chance to go wrong. */
const longTransactionEventsMin = 300

const identity = ({ order, revision }: { readonly order: string; readonly revision: number }): string =>
  `${order}@${revision}`

export function summarize(history: readonly Entry[], reader: Reader): ReaderSummary {
  const committed = committedIn(history)
  const published = new Map<string, Published>()
  for (const entry of history) {
    if (entry.type === 'published' && entry.reader === reader && !published.has(identity(entry)))
      published.set(identity(entry), entry)
  }
  const newest = new Map<string, number>()
  const last = new Map<string, number>()
  const inverted: string[] = []
  for (const [event, { order, revision }] of published) {
    if (revision < (newest.get(order) ?? 0)) inverted.push(event)
    newest.set(order, Math.max(revision, newest.get(order) ?? 0))
    last.set(order, revision)
  }
  return {
    finished: history.some((entry) => entry.type === 'finished' && entry.reader === reader),
    published: published.size,
    lost: committed.map(identity).filter((event) => !published.has(event)),
    inverted,
    leftStale: [...last.keys()].filter((order) => last.get(order) !== newest.get(order)),
    latenciesMs: committed.flatMap((event) => {
      const seen = published.get(identity(event))
      return event.transactionSize > 1 || seen === undefined ? [] : [seen.atMs - event.atMs]
    }),
  }
}

function committedIn(history: readonly Entry[]): readonly Committed[] {
  return history.filter((entry) => entry.type === 'committed')
}

/** Why nothing can be said of a reader, if so. */
function unseen(history: readonly Entry[], reader: Reader): Finding | undefined {
  const committed = committedIn(history)
  const ofLong = committed.filter(({ transactionSize }) => transactionSize > 1).length
  const because =
    committed.length < committedMin
      ? `only ${committed.length} events were committed`
      : ofLong < longTransactionEventsMin
        ? `only ${ofLong} events were of transactions with more than one order`
        : summarize(history, reader).finished
          ? undefined
          : `${reader} did not come to the end`
  return because === undefined ? undefined : { verdict: 'unknown', because }
}

const serviceNeighboursMin = 200
const evidenceMax = 20

function losesNothing(reader: Reader): Check<Entry> {
  return {
    statement: `${reader} loses no event`,
    check: (history) => {
      const { lost } = summarize(history, reader)
      return (
        unseen(history, reader) ?? {
          verdict: lost.length === 0 ? 'holds' : 'refuted',
          because: `${lost.length} of ${committedIn(history).length} events were never published`,
          evidence: lost.slice(0, evidenceMax),
        }
      )
    },
  }
}

function keepsOrder(reader: Reader): Check<Entry> {
  return {
    statement: `${reader} publishes the events of each order in their order`,
    check: (history) => {
      const { inverted, leftStale, published } = summarize(history, reader)
      return (
        unseen(history, reader) ?? {
          verdict: inverted.length === 0 ? 'holds' : 'refuted',
          because: `${inverted.length} of ${published} events came after a newer one of their order; ${leftStale.length} orders end stale`,
          evidence: inverted.slice(0, evidenceMax),
        }
      )
    },
  }
}

/** That something goes wrong is a claim too, and not seeing it refutes that. */
function fails(statement: string, { check }: Check<Entry>): Check<Entry> {
  return {
    statement,
    check: (history) => {
      const finding = check(history)
      switch (finding.verdict) {
        case 'holds':
          return { ...finding, verdict: 'refuted' }
        case 'refuted':
          return { ...finding, verdict: 'holds' }
        case 'unknown':
          return finding
      }
    },
  }
}

/** Of two readers that poll alike, which one published an event first: per event, so that both had the same load. */
const horizonWaits: Check<Entry> = {
  statement: 'horizon publishes later than snapshot does, because it waits for whoever is still open',
  check: (history) => {
    const unknown = unseen(history, 'horizon') ?? unseen(history, 'snapshot')
    if (unknown !== undefined) return unknown
    const at = (reader: Reader): ReadonlyMap<string, number> =>
      new Map(
        history.flatMap((entry) =>
          entry.type === 'published' && entry.reader === reader ? [[identity(entry), entry.atMs] as const] : [],
        ),
      )
    const [waiting, prompt] = [at('horizon'), at('snapshot')]
    const pairs = committedIn(history).flatMap((event) => {
      const [a, b] = [waiting.get(identity(event)), prompt.get(identity(event))]
      return event.transactionSize > 1 || a === undefined || b === undefined || a === b ? [] : [a > b]
    })
    const later = pairs.filter(Boolean).length
    if (pairs.length === 0)
      return { verdict: 'unknown', because: 'no event of a transaction of one order was published by both' }
    const { estimate, low, high } = wilson(later, pairs.length)
    return {
      verdict: low > 0.5 ? 'holds' : high < 0.5 ? 'refuted' : 'unknown',
      because: `of ${pairs.length} events ${percent(estimate)} came later (95 % interval ${percent(low)} to ${percent(high)})`,
    }
  },
}

function numberingOf(history: readonly Entry[], workload: Workload): Numbering | undefined {
  return history.find((entry): entry is Numbering => entry.type === 'numbering' && entry.workload === workload)
}

/** What snapshot and take rest on. */
const sequenceRises: Check<Entry> = {
  statement: 'of one order, a later event never has the lower sequence number',
  check: (history) => {
    const numberings = history.filter((entry) => entry.type === 'numbering')
    const neighbours = numberings.reduce((sum, entry) => sum + entry.neighbours, 0)
    const falls = numberings.reduce((sum, entry) => sum + entry.sequenceFalls, 0)
    if (falls > 0) return { verdict: 'refuted', because: `it was lower ${falls} times in ${neighbours}` }
    return neighbours < committedMin
      ? { verdict: 'unknown', because: `only ${neighbours} pairs of neighbours were seen` }
      : { verdict: 'holds', because: `not once in ${neighbours} pairs of neighbours` }
  },
}

/** Why a horizon is no cure even where nobody writes several orders in one transaction. */
const idsDoNotRise: Check<Entry> = {
  statement:
    "of the orders service's own transactions, of one order each, a later one may have the lower transaction id",
  check: (history) => {
    const numbering = numberingOf(history, 'service')
    if (numbering === undefined || numbering.neighbours < serviceNeighboursMin)
      return { verdict: 'unknown', because: `only ${numbering?.neighbours ?? 0} pairs of neighbours were seen` }
    const { low, high, estimate } = wilson(numbering.transactionIdFalls, numbering.neighbours)
    return {
      verdict: numbering.transactionIdFalls > 0 ? 'holds' : 'refuted',
      because: `in ${percent(estimate)} of ${numbering.neighbours} pairs of neighbours (95 % interval ${percent(low)} to ${percent(high)})`,
    }
  },
}

export const checks: readonly Check<Entry>[] = [
  fails('after-id loses events', losesNothing('after-id')),
  losesNothing('horizon'),
  fails('horizon publishes events of some orders in the wrong order', keepsOrder('horizon')),
  horizonWaits,
  idsDoNotRise,
  sequenceRises,
  ...(['snapshot', 'take', 'connector'] as const).flatMap((reader) => [losesNothing(reader), keepsOrder(reader)]),
]

export function report(history: readonly Entry[]): Report {
  const summaries = readers.map((reader) => ({ reader, ...summarize(history, reader) }))
  const committed = committedIn(history).length
  const quantiles = [0.5, 0.99] as const
  return {
    tables: [
      {
        title: `Of ${committed} events, by each reader`,
        head: ['reader', 'lost', 'out of order', 'orders left stale', 'commit to consumer, p50', 'p99'],
        rows: summaries.map(({ reader, lost, inverted, leftStale, latenciesMs }) => [
          reader,
          String(lost.length),
          String(inverted.length),
          String(leftStale.length),
          ...quantiles.map((q) => `${quantile(latenciesMs, q).toFixed(0)} ms`),
        ]),
      },
      {
        title: 'How often the later of two neighbouring events of one order has the lower number',
        head: ['transactions', 'pairs', 'transaction id', 'sequence number'],
        rows: (['mixed', 'service'] as const).flatMap((workload) => {
          const numbering = numberingOf(history, workload)
          return numbering === undefined
            ? []
            : [
                [
                  workload === 'mixed' ? 'of one order and of many' : 'of the orders service, one order each',
                  String(numbering.neighbours),
                  String(numbering.transactionIdFalls),
                  String(numbering.sequenceFalls),
                ],
              ]
        }),
      },
    ],
    facts: summaries
      .filter(({ finished }) => finished)
      .map(({ reader, lost, inverted, latenciesMs }) => ({
        strategy: reader === 'connector' ? 'outbox by connector' : `outbox by relay, reading ${reader}`,
        against: 'transactions that commit late',
        fact: `${lost.length} of ${committed} events lost, ${inverted.length} out of order; p50 ${quantile(latenciesMs, 0.5).toFixed(0)} ms`,
      })),
    charts: [
      {
        title: 'From the commit to a consumer, transactions of one order',
        kind: 'bar',
        x: 'reader',
        y: 'ms',
        yScale: 'log',
        series: quantiles.map((q) => ({
          name: `p${q * 100}`,
          points: summaries.flatMap(({ reader, latenciesMs }) =>
            latenciesMs.length === 0 ? [] : [{ x: reader, y: percentile(latenciesMs, q) }],
          ),
        })),
      },
    ],
  }
}

/** No value, no number. */
function quantile(values: readonly number[], fraction: number): number {
  return values.length === 0 ? Number.NaN : percentile(values, fraction)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
