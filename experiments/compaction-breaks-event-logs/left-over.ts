/** What can be made of the events that compaction has left. Pure. */
import type { OrderDocument } from '@driftlab/order'
import { emptyState, evolve, follow, skuOfKey, Unreadable, type DomainEvent, type State } from '@driftlab/order-events'
import { contentOf, digestOf } from '../laboratory/digest.ts'
import type { EntryOf } from './history.ts'

export interface Logs {
  /** Of one key, in its order. */
  readonly events: readonly DomainEvent[]
  readonly left: readonly DomainEvent[]
  /** The order as the compacted change log has it. */
  readonly told: OrderDocument | undefined
}

export function judgeKey(key: string, { events, left, told }: Logs): EntryOf<'key'> {
  const state = events.reduce<State>(follow, emptyState(key))
  const added = left.reduce<State>(evolve, emptyState(key))
  return {
    ...{ kind: 'key', key, of: skuOfKey(key) === undefined ? 'order' : 'stock' },
    ...{ events: events.map(({ type }) => type), left: left.map(({ type }) => type) },
    refusedFor: refusalOf(key, left),
    ...{ state: digestOf(contentOf(state)), added: digestOf(contentOf(added)), takenFor: inWords(added) },
    ...{ row: state.kind === 'order' ? digestOf(state.order) : null, told: told === undefined ? null : digestOf(told) },
  }
}

function refusalOf(key: string, events: readonly DomainEvent[]): string | null {
  try {
    events.reduce<State>(follow, emptyState(key))
    return null
  } catch (error) {
    if (error instanceof Unreadable) return error.reason
    throw error
  }
}

function inWords(state: State): string {
  switch (state.kind) {
    case 'no-order':
      return 'no order at all'
    case 'order':
      return `an order that is ${state.order.status}`
    case 'removed-order':
      return 'an order that was removed'
    case 'stock':
      return `${state.receivedUnits} units received, ${state.reservedUnits} reserved`
  }
}
