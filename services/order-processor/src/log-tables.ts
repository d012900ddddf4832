/** What the log answers, as text for people. Pure. */
import type { OrderItem } from '@driftlab/order'
import { availableUnits, type Fact, type State } from '@driftlab/order-events'
import Table from 'cli-table3'
import { nameOfKey, placeName, type LogReport, type StateAsOf, type Step } from './log-questions.ts'

const plain = { style: { head: [], border: [] }, wordWrap: true }

export function renderState({ key, state, last, laterEvents }: StateAsOf): string {
  const table = new Table(plain)
  table.push(...fieldsOf(state))
  const since = `${laterEvents} later event${laterEvents === 1 ? '' : 's'}`
  const asOf =
    last === null
      ? `The ${nameOfKey(key)} as of a moment before its first event (${since})`
      : `The ${nameOfKey(key)} as of ${placeName(last.place)}, event ${last.event.sequence}, ${last.event.at} (${since})`
  return `${asOf}\n${table.toString()}\n`
}

function fieldsOf(state: State): string[][] {
  switch (state.kind) {
    case 'no-order':
      return [['state', 'there is no order yet']]
    case 'stock':
      return [
        ['received', String(state.receivedUnits)],
        ['reserved', String(state.reservedUnits)],
        ['available', String(availableUnits(state))],
      ]
    case 'order':
    case 'removed-order': {
      const { order } = state
      return [
        ['state', state.kind === 'order' ? order.status : `removed; it was ${order.status}`],
        ['customer', `${order.customerName} (${order.customerId})`],
        ['items', itemsOf(order.items)],
        ['total', money(order.totalCents, order.currency)],
        ['note', order.note],
        ['revision', String(order.revision)],
        ['created', order.createdAt],
        ['updated', order.updatedAt],
      ]
    }
  }
}

const hashShown = 8

export function renderTrail(steps: readonly Step[], key: string): string {
  const table = new Table({
    ...plain,
    head: ['#', 'at', 'time', 'event', 'what', 'actor', 'reason', 'command', 'hash'],
  })
  table.push(
    ...steps.map(({ place, event }) => [
      String(event.sequence),
      `${place.partition}@${place.offset}`,
      event.at,
      event.type,
      tell(event),
      event.actor,
      event.reason ?? '',
      event.commandId,
      event.hash.slice(0, hashShown),
    ]),
  )
  const topic = steps[0]?.place.topic ?? ''
  return `Everything that happened to the ${nameOfKey(key)}, from ${topic} (partition@offset)\n${table.toString()}\n`
}

/** What is in a fact beside its name. */
export function tell(fact: Fact): string {
  switch (fact.type) {
    case 'OrderPlaced':
      return `${itemsOf(fact.items)} for ${fact.customerName}`
    case 'ItemAdded':
    case 'ItemRemoved':
      return `${itemsOf([fact.item])} (line ${fact.line + 1})`
    case 'NoteChanged':
      return fact.note
    case 'CustomerNameCorrected':
      return fact.customerName
    case 'StockReceived':
      return `${fact.quantity} units`
    case 'StockReserved':
    case 'StockReleased':
      return `${fact.quantity} units, order ${fact.orderId}`
    case 'OrderPaid':
    case 'OrderShipped':
    case 'OrderDelivered':
    case 'OrderCancelled':
    case 'OrderRemoved':
      return ''
  }
}

export function renderReport({ verdict, events, keys, faults }: LogReport, topic: string): string {
  const counts = `${topic}: ${events} events of ${keys} keys`
  switch (verdict) {
    case 'unknown':
      return `${topic} holds no event, so nothing can be said of it: unknown. Place an order, then ask again.\n`
    case 'whole':
      return `${counts}, every one in its place and as it was sealed: whole.\n`
    case 'broken': {
      const table = new Table({ ...plain, head: ['where', 'fault', 'what'] })
      table.push(...faults.map(({ place, reason, message }) => [placeName(place), reason, message]))
      return `${counts}, ${faults.length} faults: broken.\n${table.toString()}\n`
    }
  }
}

function itemsOf(items: readonly OrderItem[]): string {
  return items.map(({ quantity, sku, unitPriceCents }) => `${quantity} × ${sku} at ${cents(unitPriceCents)}`).join(', ')
}

function money(amountCents: number, currency: string): string {
  return `${cents(amountCents)} ${currency}`
}

function cents(amountCents: number): string {
  return (amountCents / 100).toFixed(2)
}
