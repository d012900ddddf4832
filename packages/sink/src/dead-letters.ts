/**
 * Sets poison records aside, in a topic of the sink's own, with the header names that Kafka Connect uses, so that the
 * tools people have for Connect's dead letters read ours.
 *
 * Invariant: once `park` resolves, every in-sync replica has the record with its original key, value and headers. A
 * redelivered poison record is parked again: the headers' topic, partition and offset say that it is the same one.
 */
import type { LogProducer, LogRecord, OutgoingRecord } from '@driftlab/kafka'
import type { Poison } from './plan.ts'

/** A record that is set aside, why, and at which stage that showed. */
export interface DeadLetter {
  readonly record: LogRecord
  readonly stage: 'decode' | 'project' | 'write'
  readonly reason: string
  readonly errorName: string
  readonly message: string
  readonly stack?: string
}

export interface DeadLetters {
  park(poison: readonly Poison[]): Promise<void>
}

export function deadLetterTopic(group: string): string {
  return `driftlab.dead-letters.${group}`
}

export function createDeadLetters(producer: LogProducer, sink: string, topic = deadLetterTopic(sink)): DeadLetters {
  return {
    park: (poison) =>
      producer.publish(
        topic,
        poison.map((entry) => toDeadLetter(entry, sink)),
      ),
  }
}

/** `consumer`: the name of the service that sets it aside. */
export function toDeadLetter(letter: DeadLetter, consumer: string): OutgoingRecord {
  const { record } = letter
  return {
    key: record.key,
    value: record.value,
    headers: {
      ...record.headers,
      '__connect.errors.topic': record.topic,
      '__connect.errors.partition': String(record.partition),
      '__connect.errors.offset': String(record.offset),
      '__connect.errors.connector.name': consumer,
      '__connect.errors.task.id': '0',
      '__connect.errors.stage': connectStage(letter.stage),
      '__connect.errors.class.name': `@driftlab/sink/${letter.reason}`,
      '__connect.errors.exception.class.name': letter.errorName,
      '__connect.errors.exception.message': letter.message,
      '__connect.errors.exception.stacktrace': letter.stack ?? `${letter.errorName}: ${letter.message}`,
    },
  }
}

/** The nearest of Connect's own stages. */
function connectStage(stage: DeadLetter['stage']): string {
  switch (stage) {
    case 'decode':
      return 'VALUE_CONVERTER'
    case 'project':
      return 'TRANSFORMATION'
    case 'write':
      return 'TASK_PUT'
  }
}
