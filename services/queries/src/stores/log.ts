/**
 * The events of an event-sourced lane: everything that happened to an order, and so what it was at any moment. Read as
 * `make log-trail` reads them, from the beginning of the topic to its end as of the question.
 *
 * That takes the longer the more there is in the log, so only a few questions are read at a time, each for so long; what is
 * beyond that is refused. It only reads, and commits no offset.
 */
import { connectLog, isLogFailure, type LogAdmin, type LogRecord, type PartitionRange } from '@driftlab/kafka'
import { eventSourcedTopics } from '@driftlab/order-events'
import { isOfKey } from '../../../order-processor/src/log-questions.ts'
import type { Lane } from '../lanes.ts'
import { LaneOff, StoreUnavailable } from './failure.ts'

export interface Recorded {
  /** Of the order, in the order in which they happened; empty for one that the log does not know. */
  readonly records: readonly LogRecord[]
  readonly ranges: readonly PartitionRange[]
}

export interface EventLog {
  /** @throws {StoreUnavailable} {LaneOff} */
  recordsOf(lane: Lane, id: string): Promise<Recorded>
  ping(): Promise<void>
  close(): Promise<void>
}

const questionsMax = 3

export function openEventLog({
  brokers,
  timeoutMs,
}: {
  readonly brokers: readonly string[]
  readonly timeoutMs: number
}): EventLog {
  const log = connectLog({ brokers, clientId: 'queries' })
  let connection: Promise<LogAdmin> | undefined
  let running = 0

  const connected = async (): Promise<LogAdmin> => {
    connection ??= log.connectAdmin()
    try {
      return await connection
    } catch (error) {
      // The next question tries again.
      connection = undefined
      throw error
    }
  }

  const read = async ({ name }: Lane, id: string): Promise<Recorded> => {
    const admin = await connected()
    const { events } = eventSourcedTopics(name)
    if (!(await admin.topicNames()).includes(events)) throw new LaneOff(name, new Error(`there is no topic ${events}`))
    const ranges = await admin.ranges(events)
    const records: LogRecord[] = []
    await admin.readAll(events, (record) => {
      if (isOfKey(record, id)) records.push(record)
    })
    return { records, ranges }
  }

  return {
    recordsOf: async (lane, id) => {
      if (running >= questionsMax) throw new StoreUnavailable('log', new Error('too many questions at a time'))
      running += 1
      const reading = read(lane, id).finally(() => {
        running -= 1
      })
      return inTime(reading, timeoutMs)
    },
    ping: async () => {
      await inTime(
        connected().then((admin) => admin.topicNames()),
        timeoutMs,
      )
    },
    close: async () => {
      const admin = await connection?.catch(() => undefined)
      await admin?.close()
    },
  }
}

/** What is left running when the time is over ends by itself. @throws {StoreUnavailable} */
async function inTime<Value>(reading: Promise<Value>, timeoutMs: number): Promise<Value> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(new StoreUnavailable('log', new Error('the log took too long')))
  }, timeoutMs)
  try {
    return await Promise.race([reading, late.promise])
  } catch (error) {
    throw isLogFailure(error) ? new StoreUnavailable('log', error) : error
  } finally {
    clearTimeout(timer)
  }
}
