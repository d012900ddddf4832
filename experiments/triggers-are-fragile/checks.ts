/** Pure functions of the history: what each capture missed, what it did to the writer, what it cost. */
import type { Chart, Check, Finding, Report, Table } from '../runner/experiment.ts'
import type { Interval } from '../runner/statistics.ts'
import {
  captures,
  scenarioNames,
  variants,
  type Capture,
  type Entry,
  type LoadEntry,
  type ScenarioEntry,
  type ScenarioName,
  type Variant,
} from './history.ts'

export const claim =
  'Row triggers miss what does not fire them (TRUNCATE, DISABLE TRIGGER, and, as they come, session_replication_role = ' +
  'replica) and fail their user with them; the log has all of it, even if nobody reads it meanwhile; and triggers write ' +
  'more WAL than the log does, and slow the writer.'

function entryOf(history: readonly Entry[], scenario: ScenarioName, capture: Capture): ScenarioEntry | undefined {
  return history.find(
    (entry): entry is ScenarioEntry =>
      entry.type === 'scenario' && entry.scenario === scenario && entry.capture === capture,
  )
}

/** That a capture leaves nothing wrong, or everything, in each of these scenarios. */
function leaves(
  statement: string,
  wrong: 'nothing wrong' | 'every row wrong',
  of: readonly (readonly [Capture, ScenarioName])[],
): Check<Entry> {
  return {
    statement,
    check: (history) => {
      const entries = of.map(([capture, scenario]) => entryOf(history, scenario, capture))
      const seen = entries.filter((entry) => entry !== undefined)
      const idle = seen.find(({ changedRows }) => changedRows === 0)
      if (seen.length < of.length)
        return { verdict: 'unknown', because: `${of.length - seen.length} observations are missing` }
      if (idle !== undefined) return { verdict: 'unknown', because: `${idle.scenario} changed nothing` }
      const otherwise = seen.filter(
        (entry) => entry.wrong.length !== (wrong === 'nothing wrong' ? 0 : entry.changedRows),
      )
      return {
        verdict: otherwise.length === 0 ? 'holds' : 'refuted',
        because: (otherwise.length === 0 ? seen : otherwise).map(describe).join('; '),
        evidence: otherwise.flatMap((entry) => entry.wrong.slice(0, 5)),
      }
    },
  }
}

function describe({ scenario, capture, wrong, changedRows }: ScenarioEntry): string {
  return `${scenario}, ${capture}: ${wrong.length} of ${changedRows} rows wrong`
}

const truncate = 'TRUNCATE'

/** Whether a record told of the TRUNCATE. No capture can apply it: it names no row. */
const tellsOfTruncate: Check<Entry> = {
  statement:
    'of TRUNCATE the log says that it happened, if Debezium is told not to skip it, and not to which rows; triggers say nothing',
  check: (history) => {
    const entries = captures.map((capture) => entryOf(history, truncate, capture))
    if (entries.some((entry) => entry === undefined || entry.changedRows === 0))
      return { verdict: 'unknown', because: 'not every capture was observed' }
    const told = entries.map((entry) => entry?.truncates ?? 0)
    const expected = captures.map((capture) => (capture === 'log' ? 1 : 0))
    const silent = entries.every((entry) => entry?.delivered === 0)
    return {
      verdict: silent && told.every((count, at) => count === expected[at]) ? 'holds' : 'refuted',
      because: captures.map((capture, at) => `${capture}: ${told[at] ?? 0} records`).join(', '),
    }
  },
}

/** A compacted topic is what changes of rows call for, and it takes no record without a key. */
const failsOnCompacted: Check<Entry> = {
  statement: 'told not to skip TRUNCATE, Debezium fails for good when its topic is compacted',
  check: (history) => {
    const entry = history.find(({ type }) => type === 'compacted')
    if (entry?.type !== 'compacted') return { verdict: 'unknown', because: 'it was not seen' }
    return {
      verdict: entry.state === 'failed' ? 'holds' : 'refuted',
      because: entry.reason ?? 'it went on',
    }
  },
}

const enableForgets: Check<Entry> = {
  statement: 'ENABLE TRIGGER ALL, which ends such a load, makes a trigger that was ALWAYS an ordinary one',
  check: (history) => {
    const state = history.find((entry) => entry.type === 'trigger-state')
    if (state?.was !== 'A') return { verdict: 'unknown', because: 'the trigger was not ALWAYS before, or was not seen' }
    return { verdict: state.became === 'O' ? 'holds' : 'refuted', because: `it was A and became ${state.became}` }
  },
}

function write(statement: string, broken: 'triggers' | 'log', expected: 'committed' | 'refused'): Check<Entry> {
  return {
    statement,
    check: (history) => {
      const of = (what: 'nothing' | 'triggers' | 'log') =>
        history.find((entry) => entry.type === 'write' && entry.broken === what)
      const [whole, seen] = [of('nothing'), of(broken)]
      if (whole?.type !== 'write' || whole.outcome !== 'committed')
        return { verdict: 'unknown', because: 'no write was committed with nothing broken' }
      if (seen?.type !== 'write') return { verdict: 'unknown', because: 'no write was seen' }
      return {
        verdict: seen.outcome === expected ? 'holds' : 'refuted',
        because: `the write was ${seen.outcome}${seen.code === null ? '' : ` (SQLSTATE ${seen.code})`}`,
      }
    },
  }
}

export const costs = {
  'changes per second': ({ changes, durationMs }: LoadEntry) => (changes / durationMs) * 1_000,
  'median latency': ({ p50Ms }: LoadEntry) => p50Ms,
  'p99 latency': ({ p99Ms }: LoadEntry) => p99Ms,
  'WAL bytes per change': ({ walBytes, changes }: LoadEntry) => walBytes / changes,
} as const
export type Cost = keyof typeof costs

/** Of Student's distribution, two-sided 95 %, by degrees of freedom. */
const student = [Number.NaN, 12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]

/** How one variant compares with another: the geometric mean over the rounds, each compared within itself. */
export function ratio(
  history: readonly Entry[],
  cost: Cost,
  variant: Variant,
  base: Variant,
): Interval & { readonly rounds: number } {
  const loads = history.filter((entry) => entry.type === 'load')
  const logs = loads
    .filter((entry) => entry.variant === variant)
    .flatMap((entry) => {
      const other = loads.find(({ round, variant: name }) => round === entry.round && name === base)
      return other === undefined ? [] : [Math.log(costs[cost](entry) / costs[cost](other))]
    })
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length
  const deviation = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (logs.length - 1))
  const half = (student[logs.length - 1] ?? 2.262) * (deviation / Math.sqrt(logs.length))
  return { rounds: logs.length, estimate: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) }
}

const roundsMin = 3

/** That the ratio is above 1, or below. */
function compares(
  statement: string,
  cost: Cost,
  [variant, base]: readonly [Variant, Variant],
  side: 'above' | 'below',
): Check<Entry> {
  return {
    statement,
    onlyInFull: cost === 'WAL bytes per change' ? 'it takes long' : 'it is about speed',
    check: (history): Finding => {
      const { rounds, estimate, low, high } = ratio(history, cost, variant, base)
      if (rounds < roundsMin) return { verdict: 'unknown', because: `only ${rounds} rounds were seen` }
      const [holds, refuted] = side === 'above' ? [low > 1, high < 1] : [high < 1, low > 1]
      return {
        verdict: holds ? 'holds' : refuted ? 'refuted' : 'unknown',
        because: `${cost}, ${variant} to ${base}: ${estimate.toFixed(2)} (95 % interval ${low.toFixed(2)} to ${high.toFixed(2)}, ${rounds} rounds)`,
      }
    },
  }
}

const both = ['triggers', 'log'] as const
const replicaAsItComes = 'session_replication_role = replica, trigger as it comes'
const replicaAlways = 'session_replication_role = replica, trigger ENABLE ALWAYS'

export const checks: readonly Check<Entry>[] = [
  leaves(
    'both capture an update, a load by COPY, and a column that was added and then written',
    'nothing wrong',
    both.flatMap((capture) =>
      (['an update', 'COPY', 'an added column, then an update of it', replicaAlways] as const).map(
        (scenario) => [capture, scenario] as const,
      ),
    ),
  ),
  leaves(
    'triggers miss changes made with triggers disabled, and, as they come, those of a replica session',
    'every row wrong',
    [
      ['triggers', 'DISABLE TRIGGER'],
      ['triggers', replicaAsItComes],
    ],
  ),
  enableForgets,
  leaves('a trigger that lists its columns loses an added one without a word', 'every row wrong', [
    ['triggers', 'an added column, by a trigger that lists its columns'],
  ]),
  leaves('the log has all of these', 'nothing wrong', [
    ['log', 'DISABLE TRIGGER'],
    ['log', replicaAsItComes],
    ['log', 'an added column, by a trigger that lists its columns'],
  ]),
  tellsOfTruncate,
  failsOnCompacted,
  leaves('a default that ADD COLUMN gives to rows that exist reaches neither', 'every row wrong', [
    ['triggers', 'an added column with a default, and no update'],
    ['log', 'an added column with a default, and no update'],
  ]),
  write('when the change table takes nothing, the user cannot write either', 'triggers', 'refused'),
  write('when nobody reads the log, the user can', 'log', 'committed'),
  leaves('what was written while the relay was dead and the connectors were stopped comes later', 'nothing wrong', [
    ['triggers', 'an update while the capture is down'],
    ['log', 'an update while the capture is down'],
  ]),
  compares('triggers write more WAL than a log that is read', 'WAL bytes per change', ['triggers', 'log'], 'above'),
  compares('triggers slow the writer', 'changes per second', ['triggers', 'none'], 'below'),
]

export function report(history: readonly Entry[]): Report {
  const isLoaded = variants.every((variant) =>
    history.some((entry) => entry.type === 'load' && entry.variant === variant),
  )
  return {
    tables: [scenarioTable(history), ...(isLoaded ? [costTable(history)] : [])],
    charts: isLoaded ? [walChart(history)] : [],
    facts: strategiesOf.flatMap(([capture, strategy]) => [
      ...missedBy(history, capture).map((fact) => ({ strategy, against: 'TRUNCATE, and triggers switched off', fact })),
      ...(isLoaded ? [{ strategy, against: 'cost to the writer', fact: costOf(history, capture) }] : []),
    ]),
  }
}

const strategiesOf = [
  ['triggers', 'trigger'],
  ['log', 'cdc'],
] as const

function missedBy(history: readonly Entry[], capture: Capture): readonly string[] {
  const passingBy = ['TRUNCATE', 'DISABLE TRIGGER', replicaAsItComes] as const
  const entries = passingBy.flatMap((scenario) => entryOf(history, scenario, capture) ?? [])
  if (entries.length < passingBy.length) return []
  const wrong = entries.reduce((sum, entry) => sum + entry.wrong.length, 0)
  const changed = entries.reduce((sum, entry) => sum + entry.changedRows, 0)
  const told = entries.some(({ truncates }) => truncates > 0) ? ', and TRUNCATE is told of' : ''
  return [`${wrong} of ${changed} rows wrong${told}`]
}

function costOf(history: readonly Entry[], variant: Variant): string {
  const times = (cost: Cost): string => `× ${ratio(history, cost, variant, 'none').estimate.toFixed(2)}`
  return `throughput ${times('changes per second')}, WAL ${times('WAL bytes per change')} of no capture`
}

function scenarioTable(history: readonly Entry[]): Table {
  return {
    title: 'Rows of which a store would hold something else than PostgreSQL, of those that changed',
    head: ['what was done', 'triggers', 'log', 'log, Debezium as it comes'],
    rows: scenarioNames.map((scenario) => [
      scenario,
      ...captures.map((capture) => {
        const entry = entryOf(history, scenario, capture)
        if (entry === undefined) return ''
        const told = entry.truncates > 0 ? ', but said so' : ''
        return `${entry.wrong.length} of ${entry.changedRows}${told}`
      }),
    ]),
  }
}

function costTable(history: readonly Entry[]): Table {
  const times = (cost: Cost, variant: Variant, base: Variant): string => {
    const { estimate, low, high } = ratio(history, cost, variant, base)
    return `× ${estimate.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
  }
  return {
    title: 'What it costs the writer, against the same load with nobody capturing (95 % interval)',
    head: ['', 'nobody', 'triggers', 'log', 'triggers to log'],
    rows: (Object.keys(costs) as readonly Cost[]).map((cost) => [
      cost,
      mean(history, cost, 'none').toFixed(cost.endsWith('latency') ? 2 : 0),
      times(cost, 'triggers', 'none'),
      times(cost, 'log', 'none'),
      times(cost, 'triggers', 'log'),
    ]),
  }
}

function walChart(history: readonly Entry[]): Chart {
  const points = variants.map((variant) => ({ x: variant, y: mean(history, 'WAL bytes per change', variant) }))
  return {
    title: 'WAL written for one change',
    kind: 'bar',
    x: 'capture',
    y: 'bytes',
    series: [{ name: 'WAL', points }],
  }
}

function mean(history: readonly Entry[], cost: Cost, variant: Variant): number {
  const entries = history.filter((entry) => entry.type === 'load').filter((entry) => entry.variant === variant)
  return entries.reduce((sum, entry) => sum + costs[cost](entry), 0) / entries.length
}
