/**
 * One partition of commands, decided by one process at a time.
 *
 * Invariant: a batch's events, orders, outcomes, further commands and dead letters are one transaction of the log, under
 * the transactional id of the partition. Whoever opens the partition next takes that id over, which ends what the
 * predecessor had open and refuses all that it still sends; only then is the log read to its end. So state and place are
 * always those of the last transaction, and a decision made on any other can no longer be written.
 *
 * The place is that of the last outcome and not the group's committed offset, which comes later: the commands between
 * the two are given out again, and left out here.
 */
import { parseOffset } from '@driftlab/change-event'
import type { Log, LogAdmin, LogBatch, LogProducer, OutgoingRecord } from '@driftlab/kafka'
import { encodeCommand, encodeEvent, encodeOutcome, type EventSourcedTopics } from '@driftlab/order-events'
import { toDeadLetter } from '@driftlab/sink'
import { decideBatch, type DecidedBatch, type Parked } from './decide-batch.ts'
import { ForeignStore, recover, type Recovered } from './recover.ts'
import { discardStateStore, openStateStore, type Progress, type StateStore } from './state-store.ts'

export const processorName = 'order-processor'

export interface PartitionOptions {
  readonly log: Log
  readonly admin: LogAdmin
  readonly lane: string
  readonly partition: number
  readonly topics: EventSourcedTopics
  readonly deadLetterTopic: string
  readonly stateFile: string
  readonly outcomesKept: number
  readonly onRecovered: (recovered: Recovered) => void
}

export interface Partition {
  /** Resolves when the log has acknowledged all of it. @throws what the log fails with; the partition is then to be opened anew. */
  decide(batch: LogBatch): Promise<DecidedBatch>
  close(): Promise<void>
}

export async function openPartition(options: PartitionOptions): Promise<Partition> {
  const { log, lane, partition, topics } = options
  const producer = await log.connectProducer({ transactionalId: `${processorName}-${lane}-${partition}` })
  try {
    const store = await openRecovered(options)
    return {
      decide: async (batch) => {
        const { place } = store.progress()
        const records = batch.records.filter(({ offset }) => offset >= place)
        const decided = decideBatch(records, store)
        if (records.length === 0) return decided
        const appended = await append(producer, decided, options)
        const next = progressAfter(store.progress(), decided, appended, topics)
        store.apply(decided.states, decided.outcomes, next)
        return decided
      },
      close: async () => {
        await producer.close()
        store.close()
      },
    }
  } catch (error) {
    await producer.close()
    throw error
  }
}

async function openRecovered(options: PartitionOptions): Promise<StateStore> {
  try {
    return await recovered(openStateStore(options.stateFile, options), options)
  } catch (error) {
    if (!(error instanceof ForeignStore)) throw error
    discardStateStore(options.stateFile)
    return await recovered(openStateStore(options.stateFile, options), options)
  }
}

async function recovered(store: StateStore, options: PartitionOptions): Promise<StateStore> {
  try {
    options.onRecovered(await recover(store, options.admin, options.topics, options.partition))
    return store
  } catch (error) {
    store.close()
    throw error
  }
}

/** Where the first of a topic's records went. */
type FirstOffsets = (topic: string) => number

async function append(
  producer: LogProducer,
  { events, orders, outcomes, commands, parked }: DecidedBatch,
  { topics, partition, deadLetterTopic }: PartitionOptions,
): Promise<FirstOffsets> {
  // Whatever is told of a command lies in the partition of its number, so that its reader has it in the same order.
  const here = (record: OutgoingRecord): OutgoingRecord => ({ ...record, partition })
  const appended = await producer.publishTogether([
    { topic: topics.events, records: events.map(encodeEvent).map(here) },
    { topic: topics.orders, records: orders },
    { topic: topics.outcomes, records: outcomes.map(encodeOutcome).map(here) },
    { topic: topics.commands, records: commands.map(encodeCommand) },
    { topic: deadLetterTopic, records: parked.map(toDeadRecord) },
  ])
  return (topic) => {
    const found = appended.find((batch) => batch.topic === topic && batch.partition === partition)
    if (found === undefined) throw new Error(`the broker says nothing of the records of ${topic}`)
    return found.firstOffset
  }
}

function toDeadRecord({ record, error }: Parked): OutgoingRecord {
  const { reason, message, name: errorName } = error
  return toDeadLetter({ record, stage: 'decode', reason, errorName, message }, processorName)
}

function progressAfter(
  before: Progress,
  { events, outcomes }: DecidedBatch,
  firstOffset: FirstOffsets,
  topics: EventSourcedTopics,
): Progress {
  const lastEvent = events.at(-1)
  const lastOutcome = outcomes.at(-1)
  return {
    lastEvent:
      lastEvent === undefined
        ? before.lastEvent
        : { offset: parseOffset(firstOffset(topics.events) + events.length - 1), hash: lastEvent.hash },
    outcomesNext: parseOffset(firstOffset(topics.outcomes) + outcomes.length),
    place: lastOutcome === undefined ? before.place : parseOffset(lastOutcome.offset + 1),
  }
}
