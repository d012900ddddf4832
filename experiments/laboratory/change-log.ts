/**
 * A table as the integral of its change log: from the records of a topic, in whichever format, to the rows that are left.
 *
 * Invariant: every record is a change or a tombstone; one that is neither is an error and never left out.
 */
import { decode, type ChangeEvent, type RecordFormat } from '@driftlab/change-event'
import type { LogAdmin, LogRecord } from '@driftlab/kafka'
import { parseOrderRow, toDocument, type OrderDocument } from '@driftlab/order'
import { eventually } from '@driftlab/stores/testing'

/** The changes among these records, in their order. @throws when a record is poison. */
export function changesIn(records: readonly LogRecord[], format: RecordFormat): readonly ChangeEvent[] {
  return records.flatMap((record) => {
    const decoded = decode(record, { ...format, epoch: 1 })
    switch (decoded.type) {
      case 'change':
        return [decoded.change]
      case 'tombstone':
      case 'marker':
        return []
      case 'poison':
        throw new Error(`${record.topic}/${record.partition}@${record.offset} is poison: ${decoded.message}`)
    }
  })
}

const captureDeadlineMs = 90_000

/** Waits until a topic has as many changes as were made, and reads them, each partition's in its order. */
export async function readChanges(
  admin: LogAdmin,
  topic: string,
  format: RecordFormat,
  count: number,
): Promise<readonly ChangeEvent[]> {
  return await eventually(
    async () => {
      const records: LogRecord[] = []
      await admin.readAll(topic, (record) => records.push(record))
      const changes = changesIn(records, format)
      return changes.length >= count && changes
    },
    { deadlineMs: captureDeadlineMs, intervalMs: 250, what: `${topic} has ${count} changes` },
  )
}

export interface TableFold {
  add(change: ChangeEvent): void
  /** By id: the orders that there are. */
  readonly states: ReadonlyMap<string, OrderDocument>
}

/** `from`: where an earlier fold ended, which folding goes on from. */
export function startTableFold(from: Iterable<readonly [string, OrderDocument]> = []): TableFold {
  const states = new Map(from)
  return {
    states,
    add: (change) => {
      const order = toDocument(parseOrderRow(change.kind === 'delete' ? change.before : change.after))
      if (change.kind === 'delete') states.delete(order.id)
      else states.set(order.id, order)
    },
  }
}
