/**
 * What the auditor needs of the log between the source and the stores: where a topic ends, how far a consumer group
 * is, and what was set aside. The adapter to Kafka is at the end of this file.
 */
import { connectLog, type LogAdmin, type LogRecord } from '@driftlab/kafka'
import type { ParkedRecord } from './report.ts'

/** For each partition, one past its last record, those of open transactions among them. */
export type TopicEnds = ReadonlyMap<number, number>

export interface ChangeLog {
  ends(topic: string): Promise<TopicEnds>
  /** Offsets that `group` has yet to commit before it has passed `ends`; transaction markers count. */
  recordsBehind(group: string, topic: string, ends: TopicEnds): Promise<number>
  /** Every record of a topic of dead letters. */
  parkedRecords(topic: string, keyField: string, onRecord: (record: ParkedRecord) => void): Promise<void>
  close(): Promise<void>
}

const connectTimeoutMs = 10_000

/** @throws when no broker answers in time. */
export async function connectToLog(
  brokers: readonly string[],
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<LogAdmin> {
  const log = connectLog({ brokers, clientId: 'driftlab-auditor' })
  const connecting: Promise<LogAdmin> = log.connectAdmin()
  return await within(Math.min(timeoutMs, connectTimeoutMs), 'connecting to Kafka', connecting).catch(
    (error: unknown) => {
      // It goes on trying for a while; a connection that comes too late is nobody's.
      void connecting.then((late) => late.close()).catch(() => undefined)
      throw error
    },
  )
}

export async function openKafka(
  brokers: readonly string[],
  options: { readonly timeoutMs: number },
): Promise<ChangeLog> {
  const { timeoutMs } = options
  const admin = await connectToLog(brokers, options)
  return {
    ends: (topic) => within(timeoutMs, `the ends of ${topic}`, admin.heads(topic)),
    recordsBehind: async (group, topic, ends) => {
      const progress = await within(timeoutMs, `the offsets of ${group}`, admin.groupProgress(group, topic))
      return progress.reduce((behind, { partition, start, committed }) => {
        // Below `start` nothing is kept, so nothing there can still be on its way.
        const position = Math.max(committed ?? 0, start)
        return behind + Math.max(0, (ends.get(partition) ?? 0) - position)
      }, 0)
    },
    parkedRecords: (topic, keyField, onRecord) =>
      within(
        timeoutMs,
        `the records of ${topic}`,
        admin.readAll(topic, (record) => {
          onRecord(toParkedRecord(record, keyField))
        }),
      ),
    close: () => admin.close(),
  }
}

/** Dead letters carry Connect's headers, so those of other tools can be read as well. */
function toParkedRecord(record: LogRecord, keyField: string): ParkedRecord {
  const header = (name: string): string | undefined => {
    const value = record.headers[name]
    return Buffer.isBuffer(value) || typeof value === 'string' ? value.toString() : undefined
  }
  return {
    key: recordKey(record.key, keyField),
    topic: header('__connect.errors.topic') ?? record.topic,
    partition: Number(header('__connect.errors.partition') ?? record.partition),
    offset: Number(header('__connect.errors.offset') ?? record.offset),
    reason:
      header('__connect.errors.exception.message') ??
      header('__connect.errors.exception.class.name') ??
      'no reason given',
  }
}

/** The key of a record: a field of a JSON object, with or without Connect's schema around it, or plain text. */
export function recordKey(key: Buffer | null, keyField: string): string | null {
  if (key === null) return null
  const text = key.toString('utf8')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return text
  }
  if (typeof parsed === 'string') return parsed
  if (typeof parsed !== 'object' || parsed === null) return text
  const object = parsed as Readonly<Record<string, unknown>>
  const fields = 'payload' in object && typeof object['payload'] === 'object' ? object['payload'] : object
  if (typeof fields === 'string') return fields
  const value = (fields as Readonly<Record<string, unknown>> | null)?.[keyField]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : text
}

async function within<Value>(timeoutMs: number, what: string, work: Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(new Error(`No answer from Kafka within ${timeoutMs} ms: ${what}. Is it running?`))
  }, timeoutMs)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
