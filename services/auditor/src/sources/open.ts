/** The system of record of a lane, as its specification names it. */
import type { LaneSpecification, RecordSpecification } from '../specification.ts'
import { openEventLog, type EventFold, type EventLogOptions } from './event-log.ts'
import { openPostgres } from './postgres.ts'
import type { Source } from './source.ts'

export interface SourceOptions extends EventLogOptions {
  readonly postgresUrl?: string | undefined
  readonly kafkaBrokers?: readonly string[] | undefined
  /** By the name that the specification gives. */
  readonly folds: Readonly<Record<string, EventFold>>
}

/** Connects when it is first asked. @throws {TypeError} when its address or its fold was not given. */
export function openSource(record: RecordSpecification, lane: LaneSpecification, options: SourceOptions): Source {
  if (lane.eventLog !== undefined) {
    const { topic, fold: name } = lane.eventLog
    const fold = options.folds[name]
    if (fold === undefined) throw new TypeError(`there is no fold ${name}`)
    return openEventLog(given(options.kafkaBrokers, 'Kafka'), record, { topic, fold }, options)
  }
  const { deletions, settles } = lane
  return openPostgres(
    given(options.postgresUrl, 'PostgreSQL'),
    record,
    { table: given(lane.table, 'a table'), deletions },
    {
      timeoutMs: options.timeoutMs,
      slot: settles.kind === 'log' ? settles.slot : undefined,
    },
  )
}

/** @throws {TypeError} */
export function given<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new TypeError(`the address of ${what} was not given`)
  return value
}
