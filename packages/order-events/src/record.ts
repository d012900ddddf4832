/** From the facts of a decision to events in their key's chain, and to what stores of rows are told of them. */
import { toRow } from '@driftlab/order'
import type { Command } from './command.ts'
import { eventVersion, seal, type DomainEvent, type Fact } from './event.ts'
import { evolve, updatedAtOf, type State } from './state.ts'

export interface Recording {
  readonly events: readonly DomainEvent[]
  readonly state: State
}

/** Gives facts their circumstances and their places in the chain, and adds them to the state. */
export function recordFacts(before: State, key: string, command: Command, facts: readonly Fact[]): Recording {
  const events: DomainEvent[] = []
  let state = before
  const revision = before.kind === 'stock' ? 0 : before.kind === 'no-order' ? 1 : before.order.revision + 1
  // Clocks of several services differ; the log's order is what counts, and no key's time runs backwards. As texts they
  // cannot be compared: not all of them say as many digits of a second.
  const last = updatedAtOf(before)
  const at = Date.parse(last) > Date.parse(command.issuedAt) ? last : command.issuedAt
  for (const fact of facts) {
    const event = seal({
      version: eventVersion,
      ...fact,
      key,
      sequence: state.sequence + 1,
      revision,
      commandId: command.id,
      actor: command.actor,
      reason: command.reason,
      at,
      previousHash: state.hash,
    })
    events.push(event)
    state = evolve(state, event)
  }
  return { events, state }
}

/**
 * The order as it is now, in the form that relays give it: what stores of rows read, and all that compaction keeps. The
 * end of an order is followed by a record without a value, which lets compaction forget it.
 */
export function changesOfOrder(before: State, after: State): readonly { key: string; value: string | null }[] {
  if (!('order' in after) || before === after) return []
  const { id, updatedAt } = after.order
  const type =
    after.kind === 'removed-order' ? 'OrderRemoved' : before.kind === 'no-order' ? 'OrderPlaced' : 'OrderChanged'
  const change = { key: id, value: JSON.stringify({ type, occurredAt: updatedAt, order: toRow(after.order) }) }
  return type === 'OrderRemoved' ? [change, { key: id, value: null }] : [change]
}
