/** An event-sourced lane's log, read from its beginning to its end as of the call. Holds all of it in memory. */
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

export async function readRecords(admin: LogAdmin, topic: string): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  await admin.readAll(topic, (record) => records.push(record))
  return records
}

/** In the order of each partition. @throws {Unreadable} */
export async function readEvents(
  admin: LogAdmin,
  { events }: Pick<EventSourcedTopics, 'events'>,
): Promise<readonly LoggedEvent[]> {
  const records = await readRecords(admin, events)
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
