/** Consumers of the events: what each makes of the same log. Pure. */
import { availableUnits, emptyState, evolve, type DomainEvent, type State } from '@driftlab/order-events'
import { contentOf, digestOf } from '../laboratory/digest.ts'
import type { Consumer, EntryOf } from './history.ts'

/** Units that one of them would rather keep. */
const keptBack = 5

const rejects: Readonly<Record<Consumer, (state: State, event: DomainEvent) => boolean>> = {
  'takes all': () => false,
  'takes all, too': () => false,
  'rejects cancellations of what is paid': (state, event) =>
    event.type === 'OrderCancelled' && state.kind === 'order' && state.order.status === 'paid',
  'rejects reservations of the last units': (state, event) =>
    event.type === 'StockReserved' && state.kind === 'stock' && availableUnits(state) - event.quantity < keptBack,
}

/** `events`: each key's in its order. What a consumer rejects, it leaves out, and goes on. */
export function viewOf(consumer: Consumer, events: readonly DomainEvent[]): readonly EntryOf<'view'>[] {
  const states = new Map<string, State>()
  const rejected = new Map<string, number>()
  for (const event of events) {
    const { key } = event
    const state = states.get(key) ?? emptyState(key)
    const isRejected = rejects[consumer](state, event)
    states.set(key, isRejected ? state : evolve(state, event))
    if (isRejected) rejected.set(key, (rejected.get(key) ?? 0) + 1)
  }
  return [...states].map(([key, state]) => ({
    ...{ kind: 'view', consumer, key },
    ...{ digest: digestOf(contentOf(state)), rejected: rejected.get(key) ?? 0 },
  }))
}
