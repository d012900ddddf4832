/**
 * Sets poison records aside, in a topic of the sink's own, with the header names that Kafka Connect uses, so that the
 * tools people have for Connect's dead letters read ours.
 *
 * Invariant: once `park` resolves, every in-sync replica has the record with its original key, value and headers. A
 * redelivered poison record is parked again: the headers' topic, partition and offset say that it is the same one.
 */
import type { LogProducer, OutgoingRecord } from '@driftlab/kafka'
import type { Poison } from './plan.ts'

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

export function toDeadLetter(poison: Poison, sink: string): OutgoingRecord {
  const { record } = poison
  return {
    key: record.key,
    value: record.value,
    headers: {
      ...record.headers,
      '__connect.errors.topic': record.topic,
      '__connect.errors.partition': String(record.partition),
      '__connect.errors.offset': String(record.offset),
      '__connect.errors.connector.name': sink,
      '__connect.errors.task.id': '0',
      '__connect.errors.stage': connectStage(poison.stage),
      '__connect.errors.class.name': `@driftlab/sink/${poison.reason}`,
      '__connect.errors.exception.class.name': poison.errorName,
      '__connect.errors.exception.message': poison.message,
      '__connect.errors.exception.stacktrace': poison.stack ?? `${poison.errorName}: ${poison.message}`,
    },
  }
}

/** The nearest of Connect's own stages. */
function connectStage(stage: Poison['stage']): string {
  switch (stage) {
    case 'decode':
      return 'VALUE_CONVERTER'
    case 'project':
      return 'TRANSFORMATION'
    case 'write':
      return 'TASK_PUT'
  }
}
