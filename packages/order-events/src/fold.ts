/** Folding a log: from its events, each in its key's order, to the state of every key. */
import type { DomainEvent } from './event.ts'
import { emptyState, follow, type State } from './state.ts'

export interface Fold {
  /** @throws {Unreadable} when the event is not the next of its key. */
  add(event: DomainEvent): State
  state(key: string): State
  readonly states: ReadonlyMap<string, State>
}

/** In memory. `from`: where an earlier fold ended, which folding goes on from. */
export function startFold(from: Iterable<readonly [string, State]> = []): Fold {
  const states = new Map(from)
  const state = (key: string): State => states.get(key) ?? emptyState(key)
  return {
    states,
    state,
    add: (event) => {
      const next = follow(state(event.key), event)
      states.set(event.key, next)
      return next
    },
  }
}
