/** The domain events of this repository's orders, folded: an order, one that was removed, or a stock, which is none. */
import { toRow } from '@driftlab/order'
import { decodeEvent, emptyState, follow, type State } from '@driftlab/order-events'
import type { EventFold } from '../sources/event-log.ts'
import type { Json } from '../values.ts'

export const orderEventsFold: EventFold = {
  add: (record, stateOf) => {
    const event = decodeEvent(record.key, record.value)
    // What it is given back is what it has left.
    const before = (stateOf(event.key) as State | undefined) ?? emptyState(event.key)
    const state = follow(before, event)
    return {
      key: event.key,
      state: state as unknown as Json,
      row: state.kind === 'order' ? columnsOf(state.order) : null,
      changedAtMs: Date.parse(event.at),
      deletion:
        state.kind === 'removed-order' ? { revision: state.order.revision, deletedAtMs: Date.parse(event.at) } : null,
    }
  },
}

function columnsOf(order: Parameters<typeof toRow>[0]): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    Object.entries(toRow(order)).map(([column, value]: readonly [string, unknown]) => [column, asText(value)]),
  )
}

function asText(value: unknown): string | null {
  if (value === null || typeof value === 'string') return value
  return value instanceof Date ? value.toISOString() : JSON.stringify(value)
}
