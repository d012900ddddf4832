/**
 * Turns one record into a change event. Each format that records come in is a file beside this one.
 *
 * Invariant: it never throws and never guesses. Whatever the bytes, the answer is a change whose rows are whole and
 * exact, a tombstone, or poison with the reason. It knows nothing of any table's columns.
 */
import type { ChangeEvent, Decoded, Position } from './change-event.ts'
import { decodeDebezium, type DebeziumFormat } from './debezium.ts'
import { decodeDomainEvent, type DomainEventFormat } from './domain-event.ts'
import { decodeMaxwell, type MaxwellFormat } from './maxwell.ts'
import { Poison } from './poison.ts'
import { decodeRowChange, type RowChangeFormat } from './row-change.ts'
import { versionOf } from './version.ts'

export interface EncodedRecord extends Position {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** What the records of a topic look like. */
export type RecordFormat = DebeziumFormat | DomainEventFormat | MaxwellFormat | RowChangeFormat
export const recordFormats = [
  'debezium',
  'domain-event',
  'maxwell',
  'row-change',
] as const satisfies readonly RecordFormat['format'][]
/** For each format, what has to be known beside the record. */
export type RecordFormats = { readonly [Name in RecordFormat['format']]: Extract<RecordFormat, { format: Name }> }

export type DecodeOptions = RecordFormat & { readonly epoch: number }

/** What a format's decoder makes of a record: all of a change but where it stands in the log. */
export type Content<Kind = ChangeEvent> = Kind extends ChangeEvent ? Omit<Kind, 'position' | 'version'> : never

/** @throws {RangeError} only when `options.epoch` is not an epoch. */
export function decode(record: EncodedRecord, options: DecodeOptions): Decoded {
  const version = versionOf(options.epoch, record.offset)
  try {
    const content = contentOf(record, options)
    if (content === 'tombstone' || content === 'marker') return { type: content }
    const position = { topic: record.topic, partition: record.partition, offset: record.offset }
    return { type: 'change', change: { ...content, position, version } }
  } catch (error) {
    if (error instanceof Poison) return { type: 'poison', reason: error.reason, message: error.message }
    throw error
  }
}

function contentOf({ key, value }: EncodedRecord, format: RecordFormat): Content | 'tombstone' | 'marker' {
  if (key === null) throw new Poison('key-missing', 'The record has no key, so its changes have no order')
  switch (format.format) {
    case 'debezium':
      return decodeDebezium(key, value, format)
    case 'domain-event':
      return decodeDomainEvent(key, value, format)
    case 'maxwell':
      return decodeMaxwell(key, value, format)
    case 'row-change':
      return decodeRowChange(key, value, format)
  }
}
