/**
 * Brings a state store to the end of its partition's log: folds the events that it has not seen, and takes in the
 * outcomes. It is read while nobody writes the partition: see partition.ts.
 */
import { parseOffset } from '@driftlab/change-event'
import type { LogAdmin, LogRecord } from '@driftlab/kafka'
import {
  decodeEvent,
  decodeOutcome,
  follow,
  Unreadable,
  type EventSourcedTopics,
  type Outcome,
  type State,
} from '@driftlab/order-events'
import { isRemembered } from './decide-batch.ts'
import { beginning, type Progress, type StateStore } from './state-store.ts'

/** The store is of another log than this one, or of a later state of it. */
export class ForeignStore extends Error {
  override readonly name = 'ForeignStore'
}

/** Bounds what is held in memory before it goes into the store. */
const applySizeMax = 5_000

export interface Recovered {
  readonly eventCount: number
  readonly outcomeCount: number
}

/**
 * @throws {Unreadable} when an event is not what it must be, naming its offset: nobody can know the state behind it.
 * @throws {ForeignStore}
 */
export async function recover(
  store: StateStore,
  admin: LogAdmin,
  topics: EventSourcedTopics,
  partition: number,
): Promise<Recovered> {
  const eventCount = await recoverStates(store, admin, topics.events, partition)
  const outcomeCount = await recoverOutcomes(store, admin, topics.outcomes, partition)
  return { eventCount, outcomeCount }
}

async function recoverStates(store: StateStore, admin: LogAdmin, topic: string, partition: number): Promise<number> {
  const { start, end } = await rangeOf(admin, topic, partition)
  let { lastEvent } = store.progress()
  if (lastEvent !== null && lastEvent.offset >= end) throw new ForeignStore(`${topic}/${partition} ends before it`)
  const states = new Map<string, State>()
  let eventCount = 0
  // The last event is read again: it shows whether the store has followed this very log. In another one its offset may hold
  // the end of a transaction, which no reader sees.
  const known = lastEvent
  let isOurs = known === null
  const anotherHistory = (): ForeignStore => new ForeignStore(`${topic}/${partition} holds another history`)
  await admin.readStretches(topic, [{ partition, from: known?.offset ?? start, to: end }], (record) => {
    const event = readEvent(record)
    if (!isOurs) {
      if (record.offset !== known?.offset || event.hash !== known.hash) throw anotherHistory()
      isOurs = true
      return
    }
    states.set(
      event.key,
      located(record, () => follow(states.get(event.key) ?? store.state(event.key), event)),
    )
    lastEvent = { offset: record.offset, hash: event.hash }
    eventCount += 1
    if (states.size >= applySizeMax) {
      store.apply(states, [], { ...store.progress(), lastEvent })
      states.clear()
    }
  })
  if (!isOurs) throw anotherHistory()
  store.apply(states, [], { ...store.progress(), lastEvent })
  return eventCount
}

async function recoverOutcomes(store: StateStore, admin: LogAdmin, topic: string, partition: number): Promise<number> {
  const { start, end } = await rangeOf(admin, topic, partition)
  const outcomes: Outcome[] = []
  let progress = store.progress()
  let outcomeCount = 0
  if (progress.outcomesNext > end) throw new ForeignStore(`${topic}/${partition} ends before it`)
  // The last outcome is read again as well, for a partition may have outcomes and no event; unless it has expired.
  const known = progress.outcomesNext > start ? { offset: progress.outcomesNext - 1, place: progress.place } : null
  let isOurs = known === null
  const anotherHistory = (): ForeignStore => new ForeignStore(`${topic}/${partition} holds other outcomes`)
  const from = parseOffset(Math.max(known?.offset ?? 0, start))
  await admin.readStretches(topic, [{ partition, from, to: end }], (record) => {
    const outcome = located(record, () => decodeOutcome(record.value))
    if (!isOurs) {
      if (record.offset !== known?.offset || outcome.offset + 1 !== known.place || !isKnown(outcome, store)) {
        throw anotherHistory()
      }
      isOurs = true
      return
    }
    outcomes.push(outcome)
    outcomeCount += 1
    progress = { ...progress, outcomesNext: parseOffset(record.offset + 1), place: parseOffset(outcome.offset + 1) }
    if (outcomes.length >= applySizeMax) store.apply(new Map(), outcomes.splice(0), progress)
  })
  if (!isOurs) throw anotherHistory()
  store.apply(new Map(), outcomes, progress)
  return outcomeCount
}

/** Whether the store has it, if it is one that stores remember. */
function isKnown(outcome: Outcome, store: StateStore): boolean {
  return !isRemembered(outcome) || store.outcome(outcome.key ?? '', outcome.commandId ?? '') !== undefined
}

async function rangeOf(
  admin: LogAdmin,
  topic: string,
  partition: number,
): Promise<{ readonly start: Progress['place']; readonly end: Progress['place'] }> {
  const range = (await admin.ranges(topic)).find((candidate) => candidate.partition === partition)
  return range ?? { start: beginning.place, end: beginning.place }
}

function readEvent(record: LogRecord) {
  return located(record, () => decodeEvent(record.key, record.value))
}

/** Says of what cannot be read where it lies. */
function located<Value>({ topic, partition, offset }: LogRecord, read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    throw new Unreadable(error.reason, `${topic}/${partition}@${offset}: ${error.message}`)
  }
}
