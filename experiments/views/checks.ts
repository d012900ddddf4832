/** The parts of the claim; pure functions of the history. */
import type { Check } from '../runner/experiment.ts'
import { meanRatio, percentile, type Interval } from '../runner/statistics.ts'
import { entriesOf, type Entry } from './history.ts'

export const builtLate: Check<Entry> = {
  statement:
    'Built from a log that began long before anybody thought of it, beside new orders and names, it lacks nothing',
  check: (history) => {
    const [built] = entriesOf(history, 'built')
    const [compared] = entriesOf(history, 'compared')
    if (built === undefined || compared === undefined) {
      return { verdict: 'unknown', because: 'the run did not get to its end' }
    }
    const { documents, missing, tooMany, different } = compared
    const wrong = [...missing, ...tooMany, ...different]
    const because = `${built.events} events of ${built.historyDays} days in ${(built.durationMs / 1_000).toFixed(1)} s, ${built.eventsWritten} of them written meanwhile; of ${documents} documents ${missing.length} are missing, ${tooMany.length} too many, ${different.length} different`
    if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong.slice(0, 20) }
    return documents === 0 || built.eventsWritten === 0
      ? { verdict: 'unknown', because: `${because}: nothing was there, or nothing came` }
      : { verdict: 'holds', because }
  },
}

export const renamesReachAll: Check<Entry> = {
  statement: "A customer's new name reaches every document of theirs, while orders come in",
  check: (history) => {
    const renames = entriesOf(history, 'renamed').filter(({ documents }) => documents > 0)
    const stale = renames.filter(({ documents, reached }) => reached < documents)
    const documents = renames.reduce((sum, rename) => sum + rename.documents, 0)
    if (renames.length === 0) return { verdict: 'unknown', because: 'nobody with a document was renamed' }
    const because = `${renames.length} customers with ${documents} documents, ${stale.length} of them left with an old name; within ${percentile(
      renames.map(({ afterMs }) => afterMs),
      0.5,
    ).toFixed(0)} ms in the middle`
    return stale.length > 0
      ? { verdict: 'refuted', because, evidence: stale.slice(0, 20) }
      : { verdict: 'holds', because }
  },
}

export const bothTellTheSame: Check<Entry> = {
  statement: 'It tells of every customer what a join of tables in normal form tells',
  check: (history) => {
    const asked = entriesOf(history, 'asked')
    const others = asked.filter(({ isSame }) => !isSame)
    const purchases = asked.reduce((sum, question) => sum + question.purchases, 0)
    const because = `${asked.length} customers asked for, ${purchases} purchases told, ${others.length} customers told of otherwise`
    if (others.length > 0) return { verdict: 'refuted', because, evidence: others.slice(0, 20) }
    return { verdict: purchases === 0 ? 'unknown' : 'holds', because }
  },
}

export const renamesCost: Check<Entry> = {
  statement: 'A new name is written once for each document that has it, and once in normal form',
  check: (history) => {
    const costs = entriesOf(history, 'rename cost').filter(({ documents }) => documents > 1)
    const view = costs.filter(({ form }) => form === 'view')
    const join = costs.filter(({ form }) => form === 'join')
    if (view.length === 0 || join.length === 0)
      return { verdict: 'unknown', because: 'nobody with documents was renamed' }
    const wrong = [
      ...view.filter(({ rowsWritten, documents }) => rowsWritten !== documents),
      ...join.filter(({ rowsWritten }) => rowsWritten !== 1),
    ]
    const mean = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length
    const of = (costs_: typeof costs): string =>
      `${mean(costs_.map(({ rowsWritten }) => rowsWritten)).toFixed(1)} rows and ${mean(costs_.map(({ walBytes }) => walBytes)).toFixed(0)} bytes of log`
    const because = `${of(view)} for each of ${view.length} names in the view, ${of(join)} in normal form`
    return wrong.length > 0
      ? { verdict: 'refuted', because, evidence: wrong.slice(0, 20) }
      : { verdict: 'holds', because }
  },
}

/** Of the medians, round by round. Undefined when there are too few rounds to tell. */
export function readRatio(history: readonly Entry[]): Interval | undefined {
  const reads = entriesOf(history, 'reads')
  const ratios = reads
    .filter(({ form }) => form === 'view')
    .flatMap((view) => {
      const join = reads.find(({ form, round }) => form === 'join' && round === view.round)
      return join === undefined ? [] : [view.p50Ms / join.p50Ms]
    })
  return ratios.length < 2 ? undefined : meanRatio(ratios)
}

export const readsFaster: Check<Entry> = {
  onlyInFull: 'it is about speed',
  statement: 'It answers faster than the join',
  check: (history) => {
    const ratio = readRatio(history)
    if (ratio === undefined) return { verdict: 'unknown', because: 'too few rounds' }
    const because = `median latency × ${describe(ratio)} of the join`
    if (ratio.low > 1) return { verdict: 'refuted', because }
    return { verdict: ratio.high < 1 ? 'holds' : 'unknown', because }
  },
}

export function describe({ estimate, low, high }: Interval): string {
  return `${estimate.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
}

export const checks: readonly Check<Entry>[] = [builtLate, renamesReachAll, bothTellTheSame, renamesCost, readsFaster]
