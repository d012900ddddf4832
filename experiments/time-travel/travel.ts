/** Goes back to an offset: folds the log up to there, and asks the client what it had written down by then. Pure. */
import { startFold, type DomainEvent, type State } from '@driftlab/order-events'
import { digestOf, digestOfStates } from '../laboratory/digest.ts'
import type { EntryOf } from './history.ts'
import type { Ledger, Page } from './ledger.ts'

export interface PlacedEvent {
  readonly offset: number
  readonly event: DomainEvent
}

/** `log`: of one partition, in its order. `to`: one past the last offset that is read. */
export function travelTo(
  partition: number,
  log: readonly PlacedEvent[],
  to: number,
  ledger: Ledger,
): EntryOf<'travel'> {
  const upTo = log.filter(({ offset }) => offset < to)
  const events = wholeCommands(upTo, log[upTo.length])
  const fold = startFold()
  for (const { event } of events) fold.add(event)
  const folded = new Map([...fold.states].map(([key, state]) => [key, pageOf(state)]))
  const last = events.at(-1)?.event
  const decidedAt = last === undefined ? -1 : ledger.decidedAt(last.key, last.commandId)
  // An event of a command that nobody was told of leaves nothing to compare with: all of it differs.
  const kept = decidedAt === undefined ? new Map<string, Page>() : ledger.asOf(partition, decidedAt)
  const differing = [...new Set([...folded.keys(), ...kept.keys()])].filter(
    (key) => digestOf(folded.get(key) ?? null) !== digestOf(kept.get(key) ?? null),
  )
  return {
    ...{ kind: 'travel', partition, to, events: events.length, keys: folded.size },
    ...{ folded: digestOfStates(folded), kept: digestOfStates(kept), differing: differing.slice(0, 5) },
  }
}

/** The events of one command are one step: who stops between them has seen half of it, which nobody was ever told. */
function wholeCommands(events: readonly PlacedEvent[], next: PlacedEvent | undefined): readonly PlacedEvent[] {
  const isOfNext = ({ event }: PlacedEvent): boolean =>
    event.commandId === next?.event.commandId && event.key === next.event.key
  const end = events.findLastIndex((placed) => !isOfNext(placed))
  return events.slice(0, end + 1)
}

/** What a client can know: neither the chain nor what the processor's clock says. */
function pageOf(state: State): Page {
  switch (state.kind) {
    case 'no-order':
      return { kind: state.kind }
    case 'order':
    case 'removed-order': {
      const { customerId, customerName, items, note, status, currency, totalCents, revision } = state.order
      return { kind: state.kind, customerId, customerName, items, note, status, currency, totalCents, revision }
    }
    case 'stock':
      return { kind: state.kind, receivedUnits: state.receivedUnits, reservedUnits: state.reservedUnits }
  }
}
