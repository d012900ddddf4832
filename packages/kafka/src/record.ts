import { parseOffset, type Offset } from '@driftlab/change-event'
import type { IHeaders, KafkaMessage } from 'kafkajs'

export type HeaderValue = Buffer | string | readonly (Buffer | string)[] | undefined
export type Headers = Readonly<Record<string, HeaderValue>>

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** One record as the log holds it. `value` null is a tombstone. */
export interface LogRecord extends TopicPartition {
  readonly offset: Offset
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Headers
}

/** A record to publish. Without `partition`, the key chooses it, by the same hash that Java clients use. */
export interface OutgoingRecord {
  readonly key: Buffer | string | null
  readonly value: Buffer | string | null
  readonly headers?: Headers
  readonly partition?: number
}

export function toLogRecord(topic: string, partition: number, message: KafkaMessage): LogRecord {
  return {
    topic,
    partition,
    offset: parseOffset(message.offset),
    timestampMs: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers: message.headers ?? {},
  }
}

/** kafkajs writes to nothing it is given, but its types do not say so: hence the copy. */
export function toKafkaHeaders(headers: Headers): IHeaders {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, isList(value) ? [...value] : value]))
}

function isList(value: HeaderValue): value is readonly (Buffer | string)[] {
  return Array.isArray(value)
}
