/** What the history says of each guard in each situation, and whether the situation had in it what it is named for. Pure. */
import { entriesOf, placeOf, type Entry, type EntryOf, type Guard, type Recorded, type Situation } from './history.ts'

export interface Summary {
  readonly orders: number
  /** The orders that a reader sees otherwise than the database holds them, when all is done. */
  readonly wrong: readonly EntryOf<'end'>[]
  /** The orders of which a reader saw an older state after a newer one. */
  readonly wentBack: readonly string[]
}

export function summarize(history: readonly Entry[], situation: Situation, guard: Guard): Summary {
  const ends = entriesOf(history, 'end', situation).filter((entry) => entry.guard === guard)
  const records = recordsByPlace(history, situation)
  const newest = new Map<string, number>()
  const wentBack = new Set<string>()
  for (const delivery of entriesOf(history, 'delivery', situation)) {
    const record = records.get(placeOf(delivery))
    if (delivery.guard !== guard || !delivery.taken || record === undefined) continue
    const { key, step } = record
    if (step < (newest.get(key) ?? 0)) wentBack.add(key)
    newest.set(key, Math.max(step, newest.get(key) ?? 0))
  }
  return {
    orders: ends.length,
    wrong: ends.filter(({ inStore, inDatabase }) => inStore !== inDatabase),
    wentBack: [...wentBack],
  }
}

/** Why a situation cannot tell anything, if so: what it is named for is not in the history. */
export function missing(history: readonly Entry[], situation: Situation): string | undefined {
  const orders = entriesOf(history, 'end', situation).length
  if (orders === 0) return `${situation}: nothing was recorded of how it ended`
  if (entriesOf(history, 'fault', situation).length === 0) return `${situation}: what it is about did not happen`
  const why = lacks[situation](history)
  return why === undefined ? undefined : `${situation}: ${why}`
}

/** Per situation, what has to be seen. */
const lacks: Readonly<Record<Situation, (history: readonly Entry[]) => string | undefined>> = {
  redelivery: (history) =>
    summarize(history, 'redelivery', 'arrival').wrong.length === 0
      ? 'what came again would have done no harm even without a guard'
      : undefined,
  'incremental snapshot': (history) =>
    hasInSequence(history, 'incremental snapshot', (older, newer) => {
      const position = older.sequence[1]
      return older.snapshot === 'incremental' && newer.lsn !== null && position !== null && newer.lsn < position
    })
      ? undefined
      : 'no change of an open transaction came after a READ of the state before it',
  'at-least-once': (history) =>
    appendedAgain(history, 'at-least-once').length === 0 ? 'no change was appended again' : undefined,
  'exactly-once': (history) => (recordsOf(history, 'exactly-once').length === 0 ? 'no record was read' : undefined),
  'new topic': (history) =>
    hasInSequence(
      history,
      'new topic',
      (older, newer) => newer.topicNumber > older.topicNumber && newer.offset < older.offset,
    )
      ? undefined
      : 'no newer state of an order had a lower offset in the new topic than an older one had in the old topic',
}

/** Changes that are in their topic a second time, where a newer one of their order is before that. */
export function appendedAgain(history: readonly Entry[], situation: Situation): readonly Recorded[] {
  return [...Map.groupBy(recordsOf(history, situation), ({ key }) => key).values()].flatMap((records) =>
    records.filter(({ step }, at) => {
      const before = records.slice(0, at)
      return before.some((other) => other.step === step) && before.some((other) => other.step > step)
    }),
  )
}

/** Whether an order has two such states, of which the newer one comes later in the log. */
function hasInSequence(
  history: readonly Entry[],
  situation: Situation,
  isSuch: (older: Recorded, newer: Recorded) => boolean,
): boolean {
  return [...Map.groupBy(recordsOf(history, situation), ({ key }) => key).values()].some((records) =>
    records.some((older, at) => records.slice(at + 1).some((newer) => newer.step > older.step && isSuch(older, newer))),
  )
}

/** In the order of the log: those of an order are all in one partition. */
export function recordsOf(history: readonly Entry[], situation: Situation): readonly Recorded[] {
  return entriesOf(history, 'record', situation).toSorted(
    (a, b) => a.topicNumber - b.topicNumber || a.partition - b.partition || a.offset - b.offset,
  )
}

function recordsByPlace(history: readonly Entry[], situation: Situation): ReadonlyMap<string, Recorded> {
  return new Map(entriesOf(history, 'record', situation).map((record) => [placeOf(record), record]))
}
