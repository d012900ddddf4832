/**
 * What the event log answers: the state of a key as of any moment, how it came to that, and whether the log is whole.
 * Pure: records in, answers out.
 *
 * Invariant: an answer follows from the events alone. Where the log is not whole, a question about the key at fault has no
 * answer, rather than one that may be wrong.
 *
 * The chain cannot show that the last events of a key, or all of them, were cut off: nothing behind them refers to them.
 */
import type { LogRecord, PartitionRange } from '@driftlab/kafka'
import {
  decodeEvent,
  emptyState,
  evolve,
  follow,
  skuOfKey,
  Unreadable,
  type DomainEvent,
  type State,
  type UnreadableReason,
} from '@driftlab/order-events'

/** The question has no answer; the message says why, and what to ask instead. */
export class Unanswerable extends Error {
  override readonly name = 'Unanswerable'
}

export interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export function placeName({ topic, partition, offset }: Place): string {
  return `${topic}/${partition}@${offset}`
}

/** An event of a key, where it stands, and the state that it led to. */
export interface Step {
  readonly place: Place
  readonly event: DomainEvent
  readonly after: State
}

/** In the words of whoever asks. */
export function nameOfKey(key: string): string {
  const sku = skuOfKey(key)
  return sku === undefined ? `order ${key}` : `stock of ${sku}`
}

export function isOfKey(record: LogRecord, key: string): boolean {
  return record.key?.toString('utf8') === key
}

/**
 * Everything that happened to a key.
 *
 * @param records of the key, each partition's in order.
 * @throws {Unanswerable} when nothing did, or when the log is not whole.
 */
export function trailOf(records: readonly LogRecord[], key: string): readonly Step[] {
  const steps: Step[] = []
  for (const record of records) {
    const { topic, partition, offset } = record
    const place = { topic, partition, offset }
    try {
      const event = decodeEvent(record.key, record.value)
      steps.push({ place, event, after: follow(steps.at(-1)?.after ?? emptyState(key), event) })
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      throw new Unanswerable(
        `Nobody can say what became of the ${nameOfKey(key)}: ${placeName(place)} is at fault (${error.reason}: ${error.message}). See what else is: make log-check.`,
        { cause: error },
      )
    }
  }
  if (steps.length === 0) throw new Unanswerable(`The log knows of no ${nameOfKey(key)}.`)
  return steps
}

/** Up to and with an offset of the key's partition, up to and with a time, or all there is. */
export type Moment =
  | { readonly kind: 'now' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'time'; readonly time: string }

export interface StateAsOf {
  readonly key: string
  readonly state: State
  /** The last event that is part of it; null before the first. */
  readonly last: Step | null
  /** What happened to the key since. */
  readonly laterEvents: number
}

/**
 * Of a key whose trail this is. Time is that of the events, which is the commands' own.
 *
 * @param ranges of the topic.
 * @throws {Unanswerable} for an offset that the partition does not have yet.
 */
export function stateAsOf(trail: readonly Step[], moment: Moment, ranges: readonly PartitionRange[]): StateAsOf {
  const [first] = trail
  if (first === undefined) throw new TypeError('a trail has at least one step')
  const { key } = first.event
  const end = ranges.find(({ partition }) => partition === first.place.partition)?.end ?? 0
  if (moment.kind === 'offset' && moment.offset >= end) {
    throw new Unanswerable(
      `Offset ${moment.offset} is beyond the end of ${first.place.topic}/${first.place.partition}, where the ${nameOfKey(key)} is: the last is ${end - 1}. Leave OFFSET out for the state as of now.`,
    )
  }
  // Up to the first that is later: a key's events have one order, and a state is always that after some of them.
  const later = trail.findIndex((step) => isAfter(step, moment))
  const included = later === -1 ? trail : trail.slice(0, later)
  const last = included.at(-1) ?? null
  return { key, state: last?.after ?? emptyState(key), last, laterEvents: trail.length - included.length }
}

function isAfter({ place, event }: Step, moment: Moment): boolean {
  switch (moment.kind) {
    case 'now':
      return false
    case 'offset':
      return place.offset > moment.offset
    case 'time':
      return Date.parse(event.at) > Date.parse(moment.time)
  }
}

export interface Fault {
  readonly place: Place
  readonly reason: UnreadableReason | 'beginning-lost' | 'partition-changed'
  readonly message: string
}

export interface LogReport {
  /** `unknown`: there was nothing to look at. */
  readonly verdict: 'whole' | 'broken' | 'unknown'
  readonly events: number
  readonly keys: number
  readonly faults: readonly Fault[]
}

export interface LogCheck {
  /** Each partition's records in their order. */
  add(record: LogRecord): void
  report(): LogReport
}

/** How far the check has followed a key. */
interface Followed {
  readonly state: State
  readonly partition: number
  /** Records behind `state` that cannot be read: as many of the key's events may be missing without being missed. */
  readonly unreadable: number
}

/** Looks at every event of a log. What comes behind a fault is measured from there, so that each fault is named once. */
export function startLogCheck(topic: string, ranges: readonly PartitionRange[]): LogCheck {
  const faults: Fault[] = ranges
    .filter(({ start }) => start > 0)
    .map(({ partition, start }) => ({
      place: { topic, partition, offset: start },
      reason: 'beginning-lost',
      message: 'What was before it is gone, though this topic has to keep everything',
    }))
  const keys = new Map<string, Followed>()
  const strays = new Set<string>()
  let events = 0
  const followed = (key: string, { partition }: LogRecord): Followed =>
    keys.get(key) ?? { state: emptyState(key), partition, unreadable: 0 }

  const read = (record: LogRecord): DomainEvent => {
    try {
      return decodeEvent(record.key, record.value)
    } catch (error) {
      const key = record.key?.toString('utf8') ?? ''
      const before = followed(key, record)
      if (before.state.sequence > 0) keys.set(key, { ...before, unreadable: before.unreadable + 1 })
      throw error
    }
  }

  const check = (record: LogRecord): void => {
    events += 1
    const event = read(record)
    const { key, sequence } = event
    const { state, partition, unreadable } = followed(key, record)
    if (partition !== record.partition) {
      if (strays.has(key)) return
      strays.add(key)
      throw new Misplaced(`Events of ${key} are in partition ${partition} too, so nobody knows their order`)
    }
    keys.set(key, { state: evolve(state, event), partition, unreadable: 0 })
    const missing = sequence - state.sequence - 1
    if (missing < 1 || missing > unreadable) follow(state, event)
  }

  return {
    add: (record) => {
      try {
        check(record)
      } catch (error) {
        if (!(error instanceof Unreadable || error instanceof Misplaced)) throw error
        const { topic, partition, offset } = record
        faults.push({ place: { topic, partition, offset }, reason: error.reason, message: error.message })
      }
    },
    report: () => ({
      verdict: faults.length > 0 ? 'broken' : events === 0 ? 'unknown' : 'whole',
      events,
      keys: keys.size,
      faults,
    }),
  }
}

/** Between partitions there is no order, so neither a gap nor a broken chain could be told. */
class Misplaced extends Error {
  readonly reason = 'partition-changed'
}
