/** The parts of the claim; pure functions of the history. */
import { meanRatio, type Interval } from '../runner/statistics.ts'
import type { Check, Finding } from '../runner/experiment.ts'
import { entriesOf, type Comparison, type Entry, type EntryOf, type Variant } from './history.ts'

export const concurrencies = [1, 4, 16] as const
/** Updates of one row before each VACUUM. */
export const updatesBeforeVacuum = 200

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

function judgeComparisons(
  trials: readonly { readonly trial: number; readonly comparison: Comparison }[],
  wasHurt: boolean,
  seen: string,
): Finding {
  const wrong = trials.filter(({ comparison }) => {
    const { onlyInOrders, onlyInReadModel, different, lost, stillInDoubt } = comparison
    return stillInDoubt > 0 || [onlyInOrders, onlyInReadModel, different, lost].some(({ length }) => length > 0)
  })
  const rows = sum(trials.map(({ comparison }) => comparison.orders))
  if (wrong.length > 0) {
    return {
      verdict: 'refuted',
      because: `${seen}: ${plural(wrong.length, 'trial')} ended with a difference`,
      evidence: wrong,
    }
  }
  if (!wasHurt || rows === 0)
    return { verdict: 'unknown', because: `${seen}: nothing was in doubt, so nothing was tried` }
  return {
    verdict: 'holds',
    because: `${seen}; of ${plural(rows, 'row')} compared, none differs and no acknowledged write is lost`,
  }
}

export const afterKills: Check<Entry> = {
  statement: 'After kill -9 of the coordinator under load, recovery leaves every write in both databases or in neither',
  check: (history) => {
    const trials = entriesOf(history, 'coordinator killed')
    const inDoubt = sum(trials.map((trial) => trial.inDoubt.orders + trial.inDoubt.readModel))
    const half = sum(trials.map(({ halfEnded }) => halfEnded))
    const seen = `${plural(trials.length, 'kill')} left ${plural(inDoubt, 'transaction')} in doubt, ${half} of them ended in one database only`
    return judgeComparisons(trials, inDoubt > 0, seen)
  },
}

export const afterCuts: Check<Entry> = {
  statement:
    'After connections are cut under load, the living coordinator leaves every write in both databases or in neither',
  check: (history) => {
    const trials = entriesOf(history, 'connections cut')
    const cuts = sum(trials.map((trial) => trial.cuts))
    const failed = sum(trials.map((trial) => trial.failed))
    return judgeComparisons(
      trials,
      cuts > 0 && failed > 0,
      `${plural(cuts, 'connection')} cut in ${plural(trials.length, 'trial')}, ${plural(failed, 'request')} failed of it`,
    )
  },
}

export const locksStay: Check<Entry> = {
  statement: 'A plain UPDATE of a row in doubt waits until the coordinator is back; one of another row does not',
  check: (history) => {
    const probes = entriesOf(history, 'probe')
    const waits = entriesOf(history, 'wait')
    const locked = probes.filter(({ row }) => row === 'in doubt')
    const free = probes.filter(({ row }) => row === 'other')
    const wrong = [
      ...locked.filter(({ outcome }) => outcome === 'went through'),
      ...free.filter(({ outcome }) => outcome === 'timed out'),
      ...waits.filter(({ waitedMs, coordinatorBackAfterMs }) => waitedMs < coordinatorBackAfterMs),
    ]
    const because =
      `${locked.filter(({ outcome }) => outcome === 'timed out').length} of ${locked.length} updates of rows in doubt timed out, ` +
      `${free.filter(({ outcome }) => outcome === 'went through').length} of ${free.length} of other rows went through; ` +
      `${waits.length} that waited without a limit got the row after ${waits.map(({ waitedMs, coordinatorBackAfterMs }) => `${seconds(waitedMs)} s (coordinator started at ${seconds(coordinatorBackAfterMs)} s)`).join(', ')}`
    if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong }
    return locked.length === 0 || free.length === 0 || waits.length === 0
      ? { verdict: 'unknown', because: 'no row was seen in doubt' }
      : { verdict: 'holds', because }
  },
}

export const recovers: Check<Entry> = {
  statement: 'A coordinator that comes back frees every row within half a minute, the start of its process included',
  check: (history) => {
    const trials = entriesOf(history, 'coordinator killed').filter(
      ({ inDoubt }) => inDoubt.orders + inDoubt.readModel > 0,
    )
    if (trials.length === 0) return { verdict: 'unknown', because: 'no kill left anything in doubt' }
    const late = trials.filter(({ recoveryMs }) => recoveryMs > 30_000)
    const times = trials.map(({ recoveryMs }) => recoveryMs)
    return {
      verdict: late.length === 0 ? 'holds' : 'refuted',
      because: `${seconds(Math.min(...times))} to ${seconds(Math.max(...times))} s, after ${seconds(Math.min(...trials.map(({ awayMs }) => awayMs)))} to ${seconds(Math.max(...trials.map(({ awayMs }) => awayMs)))} s away`,
      evidence: late,
    }
  },
}

export const vacuumWaits: Check<Entry> = {
  statement: 'While a transaction is in doubt, VACUUM removes nothing that died since, in any table of the database',
  check: (history) => {
    const readings = entriesOf(history, 'vacuum')
    const left = (meanwhile: EntryOf<'vacuum'>['meanwhile']): readonly number[] =>
      readings.filter((reading) => reading.meanwhile === meanwhile).map(({ deadRowsLeft }) => deadRowsLeft)
    const during = left('in doubt')
    const after = left('recovered')
    if (during.length === 0 || after.length === 0)
      return { verdict: 'unknown', because: 'VACUUM was not tried on both sides' }
    const because = `of ${updatesBeforeVacuum} dead rows it left ${during.join(', ')} in doubt and ${after.join(', ')} after recovery`
    const holds = during.every((rows) => rows >= updatesBeforeVacuum) && after.every((rows) => rows === 0)
    return { verdict: holds ? 'holds' : 'refuted', because, evidence: readings }
  },
}

export const costs: Check<Entry> = {
  statement: 'It is slower than a single-phase write of the order alone',
  check: (history) => {
    const describe = (against: Variant): string =>
      `throughput ${describeRatio(throughputRatio(history, concurrencies, against))} of ${against}, ` +
      `median latency ${describeRatio(latencyRatio(history, concurrencies, against))}`
    const because = `${describe('order alone')}; for comparison: ${describe('two commits')}`
    const throughput = throughputRatio(history, concurrencies, 'order alone')
    // An interval that holds 1 tells neither way.
    if (throughput === undefined || (throughput.low <= 1 && throughput.high >= 1)) {
      return { verdict: 'unknown', because }
    }
    return { verdict: throughput.high < 1 ? 'holds' : 'refuted', because }
  },
}

export function describeRatio(ratio: Interval | undefined): string {
  return ratio === undefined
    ? '?'
    : `${ratio.estimate.toFixed(2)} (${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)})`
}

/** Of two-phase commit to the other variant: a ratio for each round and concurrency that has both. */
export function throughputRatio(
  history: readonly Entry[],
  at: readonly number[],
  against: Variant,
): Interval | undefined {
  return ratioOf(history, at, against, ({ writes, durationMs }) => writes / durationMs)
}

export function latencyRatio(history: readonly Entry[], at: readonly number[], against: Variant): Interval | undefined {
  return ratioOf(history, at, against, ({ p50Ms }) => p50Ms)
}

function ratioOf(
  history: readonly Entry[],
  at: readonly number[],
  against: Variant,
  figure: (entry: EntryOf<'price'>) => number,
): Interval | undefined {
  const prices = entriesOf(history, 'price').filter((price) => at.includes(price.concurrency) && price.writes > 0)
  const ratios = prices
    .filter(({ variant }) => variant === 'two-phase commit')
    .flatMap((ours) => {
      const theirs = prices.find(
        ({ variant, round, concurrency }) =>
          variant === against && round === ours.round && concurrency === ours.concurrency,
      )
      return theirs === undefined ? [] : [figure(ours) / figure(theirs)]
    })
  return ratios.length < 2 ? undefined : meanRatio(ratios)
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(1)

export const checks: readonly Check<Entry>[] = [afterKills, afterCuts, locksStay, recovers, vacuumWaits, costs]
