/** An event-sourced lane's log, read from its beginning to its end as of the call. Holds all of it in memory. */
import { parseOffset } from '@driftlab/change-event'
import type { LogAdmin, LogRecord } from '@driftlab/kafka'
import {
  decodeEvent,
  decodeOutcome,
  startFold,
  type DomainEvent,
  type EventSourcedTopics,
  type Fold,
  type Outcome,
} from '@driftlab/order-events'

/** An event, and where it stands. */
export interface LoggedEvent {
  readonly event: DomainEvent
  readonly record: LogRecord
}

/** For each partition, where to begin reading it; one that is not named is read from its start. */
export type Beginnings = ReadonlyMap<number, number>

export async function readRecords(
  admin: LogAdmin,
  topic: string,
  from: Beginnings = new Map(),
): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  const stretches = (await admin.ranges(topic)).map(({ partition, start, end }) => ({
    partition,
    from: parseOffset(Math.max(start, from.get(partition) ?? 0)),
    to: end,
  }))
  await admin.readStretches(topic, stretches, (record) => records.push(record))
  return records
}

/** In the order of each partition. @throws {Unreadable} */
export async function readEvents(
  admin: LogAdmin,
  { events }: Pick<EventSourcedTopics, 'events'>,
  from?: Beginnings,
): Promise<readonly LoggedEvent[]> {
  const records = await readRecords(admin, events, from)
  return records.map((record) => ({ record, event: decodeEvent(record.key, record.value) }))
}

/** In the order of each partition. @throws {Unreadable} */
export async function readOutcomes(
  admin: LogAdmin,
  { outcomes }: Pick<EventSourcedTopics, 'outcomes'>,
): Promise<readonly Outcome[]> {
  return (await readRecords(admin, outcomes)).map(({ value }) => decodeOutcome(value))
}

/** @throws {Unreadable} when the log is not whole. */
export async function foldLog(admin: LogAdmin, topics: Pick<EventSourcedTopics, 'events'>): Promise<Fold> {
  const fold = startFold()
  for (const { event } of await readEvents(admin, topics)) fold.add(event)
  return fold
}
