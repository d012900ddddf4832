/** The parts of the claim; pure functions of the history. */
import type { Check, Finding } from '../runner/experiment.ts'
import { codes, entriesOf, type Code, type Entry, type EntryOf } from './history.ts'

/** The digest after each event, by `partition@offset`. */
export type Trace = ReadonlyMap<string, string>

/** By replica. */
export function tracesOf(history: readonly Entry[], code: Code): ReadonlyMap<string, Trace> {
  const batches = entriesOf(history, 'batch').filter((batch) => batch.code === code)
  return new Map(
    [...Map.groupBy(batches, ({ replica }) => replica)].map(([replica, own]) => [
      replica,
      new Map(
        own.flatMap(({ partition, offsets, digests }) =>
          offsets.map((offset, index) => [`${partition}@${offset}`, digests[index] ?? ''] as const),
        ),
      ),
    ]),
  )
}

/** The first event, of the first partition in which there is one, after which two replicas are not the same. */
export function firstDifference(
  events: readonly EntryOf<'event'>[],
  [one, other]: readonly [Trace, Trace],
): EntryOf<'event'> | undefined {
  return events
    .toSorted((left, right) => left.partition - right.partition || left.offset - right.offset)
    .find(({ partition, offset }) => {
      const at = `${partition}@${offset}`
      return one.get(at) !== other.get(at)
    })
}

export const describe = ({ partition, offset, type }: EntryOf<'event'>): string =>
  `partition ${partition}, offset ${offset}, ${type}`

interface Compared {
  readonly replicas: readonly string[]
  readonly events: number
  /** Of replicas that have read everything; undefined when two of them are not there. */
  readonly differences: readonly EntryOf<'event'>[] | undefined
}

/** Each replica against the first of its code. */
export function compare(history: readonly Entry[], code: Code): Compared {
  const events = entriesOf(history, 'event')
  const traces = [...tracesOf(history, code)].filter(([, trace]) => trace.size === events.length)
  const replicas = traces.map(([replica]) => replica)
  const [first, ...others] = traces.map(([, trace]) => trace)
  if (first === undefined || others.length === 0 || events.length === 0) {
    return { replicas, events: events.length, differences: undefined }
  }
  const differences = others.flatMap((other) => firstDifference(events, [first, other]) ?? [])
  return { replicas, events: events.length, differences }
}

const replicasExpected = 3

export const sameFromLog: Check<Entry> = {
  statement: 'Three replicas that take everything from the log have the same state after every event',
  check: (history) => {
    const { replicas, events, differences } = compare(history, 'the log alone')
    if (differences === undefined) return { verdict: 'unknown', because: 'no two of them have read everything' }
    const [difference] = differences
    if (difference !== undefined) {
      return { verdict: 'refuted', because: `they differ at ${describe(difference)}`, evidence: differences }
    }
    const because = `${replicas.length} replicas, ${events} events, no difference`
    return { verdict: replicas.length < replicasExpected ? 'unknown' : 'holds', because }
  },
}

export const readDifferently: Check<Entry> = {
  statement: 'Those three were given the events in batches that were not the same',
  check: (history) => {
    const batches = entriesOf(history, 'batch').filter(({ code }) => code === 'the log alone')
    const cuts = [...Map.groupBy(batches, ({ replica }) => replica)].map(([replica, own]) => ({
      replica,
      count: own.length,
      places: own.map(({ partition, offsets }) => `${partition}@${offsets[0] ?? ''}`).toSorted(),
    }))
    const because = cuts.map(({ replica, count }) => `${replica}: ${count} batches`).join('; ')
    const isEachItsOwn = new Set(cuts.map(({ places }) => places.join())).size === cuts.length
    return { verdict: cuts.length >= replicasExpected && isEachItsOwn ? 'holds' : 'unknown', because }
  },
}

/** Two replicas of the same code, which takes one thing from elsewhere. */
export const differsBy = (code: Exclude<Code, 'the log alone'>): Check<Entry> => ({
  statement: `Two replicas that take one thing from ${code} end up different, and the first offset is named`,
  check: (history): Finding => {
    const { replicas, events, differences } = compare(history, code)
    if (differences === undefined) return { verdict: 'unknown', because: 'no two of them have read everything' }
    const [difference] = differences
    return difference === undefined
      ? { verdict: 'refuted', because: `${replicas.length} replicas, ${events} events, no difference` }
      : { verdict: 'holds', because: `first at ${describe(difference)}`, evidence: [difference] }
  },
})

const others = codes.filter((code) => code !== 'the log alone')

export const checks: readonly Check<Entry>[] = [sameFromLog, readDifferently, ...others.map(differsBy)]
