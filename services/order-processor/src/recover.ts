/**
 * Brings a state store to the end of its partition's log: folds the events that it has not seen, and takes in the
 * outcomes. It is read while nobody writes the partition: see partition.ts.
 */
import { parseOffset, type Offset } from '@driftlab/change-event'
import type { LogAdmin, LogRecord, PartitionRange } from '@driftlab/kafka'
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
import { beginning, type StateStore } from './state-store.ts'

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
  const range = await rangeOf(admin, topic, partition)
  const known = store.progress().lastEvent
  let lastEvent = known
  const states = new Map<string, State>()
  let eventCount = 0
  const isKnownEvent = (record: LogRecord): boolean => readEvent(record).hash === known?.hash
  await readBehind(admin, topic, range, known && { offset: known.offset, isIn: isKnownEvent }, (record) => {
    const event = readEvent(record)
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
  store.apply(states, [], { ...store.progress(), lastEvent })
  return eventCount
}

async function recoverOutcomes(store: StateStore, admin: LogAdmin, topic: string, partition: number): Promise<number> {
  const range = await rangeOf(admin, topic, partition)
  const outcomes: Outcome[] = []
  let progress = store.progress()
  const { outcomesNext, place } = progress
  let outcomeCount = 0
  const isKnownOutcome = (record: LogRecord): boolean => {
    const outcome = readOutcome(record)
    return outcome.offset + 1 === place && isKnown(outcome, store)
  }
  // A partition may have outcomes and no event. They expire, and then nothing can be asked of the last one.
  const known = outcomesNext > range.start ? { offset: parseOffset(outcomesNext - 1), isIn: isKnownOutcome } : null
  await readBehind(admin, topic, range, known, (record) => {
    const outcome = readOutcome(record)
    outcomes.push(outcome)
    outcomeCount += 1
    progress = { ...progress, outcomesNext: parseOffset(record.offset + 1), place: parseOffset(outcome.offset + 1) }
    if (outcomes.length >= applySizeMax) store.apply(new Map(), outcomes.splice(0), progress)
  })
  store.apply(new Map(), outcomes, progress)
  return outcomeCount
}

/** The last record that a store has, and whether that is what a record of its offset says. */
interface KnownRecord {
  readonly offset: Offset
  readonly isIn: (record: LogRecord) => boolean
}

/**
 * Takes what lies behind the known record. That one is read again: it shows whether the store has followed this very log. In
 * another one its offset may hold the end of a transaction, which no reader sees.
 *
 * @throws {ForeignStore}
 */
async function readBehind(
  admin: LogAdmin,
  topic: string,
  { partition, start, end }: PartitionRange,
  known: KnownRecord | null,
  take: (record: LogRecord) => void,
): Promise<void> {
  if (known !== null && known.offset >= end) throw new ForeignStore(`${topic}/${partition} ends before it`)
  let isOurs = known === null
  const anotherHistory = (): ForeignStore => new ForeignStore(`${topic}/${partition} holds another history`)
  await admin.readStretches(topic, [{ partition, from: known?.offset ?? start, to: end }], (record) => {
    if (isOurs) {
      take(record)
      return
    }
    if (record.offset !== known?.offset || !known.isIn(record)) throw anotherHistory()
    isOurs = true
  })
  if (!isOurs) throw anotherHistory()
}

/** Whether the store has it, if it is one that stores remember. */
function isKnown(outcome: Outcome, store: StateStore): boolean {
  return !isRemembered(outcome) || store.outcome(outcome.key ?? '', outcome.commandId ?? '') !== undefined
}

async function rangeOf(admin: LogAdmin, topic: string, partition: number): Promise<PartitionRange> {
  const range = (await admin.ranges(topic)).find((candidate) => candidate.partition === partition)
  return range ?? { partition, start: beginning.place, end: beginning.place }
}

function readEvent(record: LogRecord) {
  return located(record, () => decodeEvent(record.key, record.value))
}

function readOutcome(record: LogRecord): Outcome {
  return located(record, () => decodeOutcome(record.value))
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
