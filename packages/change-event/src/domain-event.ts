/**
 * Domain events that carry the whole row as it is after them, or, when they removed it, as it was:
 * `{"type": "OrderPlaced", "occurredAt": "2026-01-02T03:04:05.678Z", "order": {…}}` under the row's key.
 */
import type { Content } from './decode.ts'
import { checkRow, decodeKey, sourceOf, type Keyed } from './keyed.ts'
import { describe, parseObject, Poison, rowIn } from './poison.ts'

export interface DomainEventFormat extends Keyed {
  readonly format: 'domain-event'
  readonly rowField: string
  /** What each type of event does to the row. */
  readonly kinds: Readonly<Record<string, 'insert' | 'update' | 'delete'>>
}

/** @throws {Poison} */
export function decodeDomainEvent(
  keyBytes: Buffer,
  value: Buffer | null,
  format: DomainEventFormat,
): Content | 'tombstone' {
  const key = decodeKey(keyBytes)
  if (value === null) return 'tombstone'
  const event = parseObject(value, 'value-malformed', 'The value')
  const kind = kindOf(event['type'], format.kinds)
  const row = rowIn(event, format.rowField)
  checkRow(key, row, format)
  const source = sourceOf(event, 'occurredAt')
  switch (kind) {
    case 'insert':
      return { kind, source, after: row }
    case 'update':
      return { kind, source, before: null, after: row }
    case 'delete':
      return { kind, source, before: row }
  }
}

function kindOf(type: unknown, kinds: DomainEventFormat['kinds']): DomainEventFormat['kinds'][string] {
  const kind = typeof type === 'string' && Object.hasOwn(kinds, type) ? kinds[type] : undefined
  if (kind !== undefined) return kind
  throw new Poison('operation-unknown', `The type is ${describe(type)}, not one of ${Object.keys(kinds).join(', ')}`)
}
