/** The parts of the claim; pure functions of the history. */
import type { Check } from '../runner/experiment.ts'
import { consumers, entriesOf, type Consumer, type Entry, type EntryOf } from './history.ts'

const under = ({ key, commandId }: { readonly key: string; readonly commandId: string }): string =>
  `${commandId}@${key}`

export const refusedLeaveNothing: Check<Entry> = {
  statement: 'A command that was refused leaves no event, and one that was accepted leaves one',
  check: (history) => {
    const first = entriesOf(history, 'outcome').filter(({ repeated }) => !repeated)
    const counts = eventsByCommand(history)
    const refused = first.filter(({ status }) => status === 'refused')
    const done = first.filter(({ status }) => status === 'accepted' || status === 'forwarded')
    const wrong = [
      ...refused.filter((outcome) => (counts.get(under(outcome)) ?? 0) > 0),
      ...done.filter((outcome) => (counts.get(under(outcome)) ?? 0) === 0),
    ]
    const because = `${refused.length} refused, ${done.length} accepted or sent on; ${wrong.length} of them with the wrong events`
    if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong.slice(0, 20) }
    return { verdict: refused.length > 0 && done.length > 0 ? 'holds' : 'unknown', because }
  },
}

function eventsByCommand(history: readonly Entry[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const event of entriesOf(history, 'event')) counts.set(under(event), (counts.get(under(event)) ?? 0) + 1)
  return counts
}

export const repeatsAreHarmless: Check<Entry> = {
  statement: 'A command that comes again gets the first answer again, and leaves no further event',
  check: (history) => {
    const outcomes = entriesOf(history, 'outcome')
    const counts = eventsByCommand(history)
    const first = new Map(outcomes.filter(({ repeated }) => !repeated).map((outcome) => [under(outcome), outcome]))
    const repeats = outcomes.filter(({ repeated }) => repeated)
    const wrong = repeats.filter((repeat) => {
      const before = first.get(under(repeat))
      const isSame = before?.status === repeat.status && before.refusal === repeat.refusal
      return !isSame || (counts.get(under(repeat)) ?? 0) > 1
    })
    const decidedAnew = [
      ...Map.groupBy(
        outcomes.filter(({ repeated }) => !repeated),
        under,
      ).values(),
    ].filter((same) => same.length > 1)
    const because = `${repeats.length} repeats; ${wrong.length} answered otherwise or with further events, ${decidedAnew.length} decided anew`
    if (wrong.length + decidedAnew.length > 0) {
      return { verdict: 'refuted', because, evidence: [...wrong, ...decidedAnew].slice(0, 20) }
    }
    return { verdict: repeats.length > 0 ? 'holds' : 'unknown', because }
  },
}

export interface StockHistory {
  readonly key: string
  readonly received: number
  readonly reserved: number
  /** The least that was ever left; negative when more was promised than there was. */
  readonly leastLeft: number
  readonly events: number
  /** Orders that came for more than was left. */
  readonly short: number
}

export function stocksOf(history: readonly Entry[]): readonly StockHistory[] {
  const changes = entriesOf(history, 'event').flatMap(({ key, units }) => (units === null ? [] : [{ key, units }]))
  return [...Map.groupBy(changes, ({ key }) => key)].map(([key, own]) => {
    let received = 0
    let reserved = 0
    let leastLeft = Infinity
    for (const { units } of own) {
      received += units.received
      reserved += units.reserved
      leastLeft = Math.min(leastLeft, received - reserved)
    }
    const short = entriesOf(history, 'outcome').filter(
      (outcome) => outcome.key === key && outcome.refusal === 'stock-short',
    )
    return { key, received, reserved, leastLeft, events: own.length, short: short.length }
  })
}

export const neverTooMuch: Check<Entry> = {
  statement: 'At no event is more reserved than was received, however many orders compete',
  check: (history) => {
    const stocks = stocksOf(history)
    const because = stocks
      .map(
        ({ key, received, reserved, leastLeft, short }) =>
          `${key}: ${reserved} of ${received} reserved, at least ${leastLeft} left, ${short} orders came too late`,
      )
      .join('; ')
    const wrong = stocks.filter(({ leastLeft }) => leastLeft < 0)
    if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong }
    // Without anybody who got nothing, nobody has competed.
    return stocks.length > 0 && stocks.every(({ short }) => short > 0)
      ? { verdict: 'holds', because }
      : { verdict: 'unknown', because: `no competition: ${because}` }
  },
}

export const booksBalance: Check<Entry> = {
  statement: 'What is reserved in the end is what the orders hold, unit by unit: nothing is reserved for nobody',
  check: (history) => {
    const held = Map.groupBy(entriesOf(history, 'held'), ({ key }) => key)
    const stocks = stocksOf(history).map((stock) => ({
      ...stock,
      held: (held.get(stock.key) ?? []).reduce((sum, { units }) => sum + units, 0),
    }))
    const because = stocks
      .map(({ key, reserved, held: units }) => `${key}: ${reserved} reserved, ${units} held`)
      .join('; ')
    const wrong = stocks.filter(({ reserved, held: units }) => reserved !== units)
    if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong }
    return stocks.some(({ held: units }) => units > 0)
      ? { verdict: 'holds', because }
      : { verdict: 'unknown', because: 'nobody holds anything' }
  },
}

export const bothDecide: Check<Entry> = {
  statement: 'Both processors have decided, so the orders did compete across processes',
  check: (history) => {
    const processors = entriesOf(history, 'processor')
    const because = processors.map(({ name, events }) => `${name}: ${events} events`).join('; ')
    const busy = processors.filter(({ events }) => events > 0)
    return { verdict: busy.length >= 2 ? 'holds' : 'unknown', because }
  },
}

export interface Disagreement {
  readonly keys: number
  readonly differing: readonly EntryOf<'view'>[]
  readonly rejected: number
}

/** A consumer against the first, which takes everything. */
export function disagreementOf(history: readonly Entry[], consumer: Consumer): Disagreement {
  const views = Map.groupBy(entriesOf(history, 'view'), (view) => view.consumer)
  const own = views.get(consumer) ?? []
  const reference = new Map((views.get('takes all') ?? []).map(({ key, digest }) => [key, digest]))
  return {
    keys: own.length,
    differing: own.filter(({ key, digest }) => reference.get(key) !== digest),
    rejected: own.reduce((sum, view) => sum + view.rejected, 0),
  }
}

export const rejectingConsumers = consumers.filter((consumer) => consumer.startsWith('rejects'))

export const rejectingIsDrifting: Check<Entry> = {
  statement:
    'A consumer that rejects an event ends up unlike the others in that key; those that take every event agree',
  check: (history) => {
    const other = disagreementOf(history, 'takes all, too')
    const rejecting = rejectingConsumers.map((consumer) => ({ consumer, ...disagreementOf(history, consumer) }))
    const because = [{ consumer: 'takes all, too', ...other }, ...rejecting]
      .map(
        ({ consumer, differing, keys, rejected }) =>
          `${consumer}: ${rejected} events rejected, ${differing.length} of ${keys} keys differ`,
      )
      .join('; ')
    if (other.keys === 0) return { verdict: 'unknown', because: 'there was no consumer' }
    if (other.differing.length > 0) return { verdict: 'refuted', because, evidence: other.differing.slice(0, 20) }
    // What it has not rejected it has as the others have it.
    const innocent = rejecting.flatMap(({ differing }) => differing.filter(({ rejected }) => rejected === 0))
    if (innocent.length > 0) return { verdict: 'refuted', because, evidence: innocent.slice(0, 20) }
    if (rejecting.some(({ rejected }) => rejected === 0)) return { verdict: 'unknown', because }
    const unlike = rejecting.every(({ differing }) => differing.length > 0)
    return { verdict: unlike ? 'holds' : 'refuted', because }
  },
}

export const checks: readonly Check<Entry>[] = [
  refusedLeaveNothing,
  repeatsAreHarmless,
  neverTooMuch,
  booksBalance,
  bothDecide,
  rejectingIsDrifting,
]
