/**
 * State is the integral of the events of a key: `evolve` adds one more. It is total and refuses nothing, since an event has
 * happened; what must not happen is for `decide` to see to, before there is an event.
 */
import { totalCentsOf, type OrderDocument, type OrderStatus } from '@driftlab/order'
import type { DomainEvent } from './event.ts'
import { skuOfKey } from './keys.ts'
import { Unreadable } from './unreadable.ts'

/** Where the key's chain of events ends; 0 and '' before the first. */
export interface ChainEnd {
  readonly sequence: number
  readonly hash: string
}

export type OrderState = ChainEnd &
  (
    | { readonly kind: 'no-order' }
    | { readonly kind: 'order'; readonly order: OrderDocument }
    /** As it was when it was removed. */
    | { readonly kind: 'removed-order'; readonly order: OrderDocument }
  )

export type StockState = ChainEnd & {
  readonly kind: 'stock'
  readonly receivedUnits: number
  /** By orders that are still to be filled, or were. */
  readonly reservedUnits: number
  /** Of the last event; '' before the first. */
  readonly updatedAt: string
}

export type State = OrderState | StockState

export function emptyState(key: string): State {
  const start = { sequence: 0, hash: '' }
  return skuOfKey(key) === undefined
    ? { kind: 'no-order', ...start }
    : { kind: 'stock', receivedUnits: 0, reservedUnits: 0, updatedAt: '', ...start }
}

/** Of the last event of the key; '' before the first. */
export function updatedAtOf(state: State): string {
  switch (state.kind) {
    case 'no-order':
      return ''
    case 'order':
    case 'removed-order':
      return state.order.updatedAt
    case 'stock':
      return state.updatedAt
  }
}

export function availableUnits({ receivedUnits, reservedUnits }: StockState): number {
  return receivedUnits - reservedUnits
}

/** Adds an event without asking whether it is the next: that is `follow`'s to ask. */
export function evolve(state: State, event: DomainEvent): State {
  const end = { sequence: event.sequence, hash: event.hash }
  if (state.kind === 'stock') return { ...evolveStock(state, event), updatedAt: event.at, ...end }
  return { ...evolveOrder(state, event), ...end }
}

function evolveStock(state: StockState, event: DomainEvent): StockState {
  switch (event.type) {
    case 'StockReceived':
      return { ...state, receivedUnits: state.receivedUnits + event.quantity }
    case 'StockReserved':
      return { ...state, reservedUnits: state.reservedUnits + event.quantity }
    case 'StockReleased':
      return { ...state, reservedUnits: state.reservedUnits - event.quantity }
    case 'OrderPlaced':
    case 'ItemAdded':
    case 'ItemRemoved':
    case 'NoteChanged':
    case 'CustomerNameCorrected':
    case 'OrderPaid':
    case 'OrderShipped':
    case 'OrderDelivered':
    case 'OrderCancelled':
    case 'OrderRemoved':
      return state
  }
}

function evolveOrder(state: OrderState, event: DomainEvent): OrderState {
  if (event.type === 'OrderPlaced') return { ...state, kind: 'order', order: placedOrder(event) }
  if (state.kind === 'no-order') return state
  const moved = (status: OrderStatus): OrderState => ({ ...state, order: { ...touched(state.order, event), status } })
  const changed = (change: Partial<OrderDocument>): OrderState => ({
    ...state,
    order: { ...touched(state.order, event), ...change },
  })
  switch (event.type) {
    case 'ItemAdded':
      return changed(withItems(state.order.items.toSpliced(event.line, 0, event.item)))
    case 'ItemRemoved':
      return changed(withItems(state.order.items.toSpliced(event.line, 1)))
    case 'NoteChanged':
      return changed({ note: event.note })
    case 'CustomerNameCorrected':
      return changed({ customerName: event.customerName })
    case 'OrderPaid':
      return moved('paid')
    case 'OrderShipped':
      return moved('shipped')
    case 'OrderDelivered':
      return moved('delivered')
    case 'OrderCancelled':
      return moved('cancelled')
    case 'OrderRemoved':
      return { ...state, kind: 'removed-order' }
    case 'StockReceived':
    case 'StockReserved':
    case 'StockReleased':
      return state
  }
}

function placedOrder(event: DomainEvent & { readonly type: 'OrderPlaced' }): OrderDocument {
  const { customerId, customerName, items, note, currency } = event
  return {
    id: event.key,
    customerId,
    customerName,
    ...withItems(items),
    status: 'placed',
    note,
    currency,
    createdAt: event.at,
    updatedAt: event.at,
    revision: event.revision,
  }
}

function touched(order: OrderDocument, { at, revision }: DomainEvent): OrderDocument {
  return { ...order, updatedAt: at, revision }
}

/** A total beyond what is exact was refused before there was an event; a reader of a forged one gets NaN, and no lie. */
function withItems(items: OrderDocument['items']): Pick<OrderDocument, 'items' | 'totalCents'> {
  return { items, totalCents: totalCentsOf(items) ?? Number.NaN }
}

/**
 * Adds the event that must be the next of its key.
 *
 * @throws {Unreadable} when there is one missing before it, or it follows another history than this.
 */
export function follow(state: State, event: DomainEvent): State {
  if (event.sequence !== state.sequence + 1) {
    throw new Unreadable(
      'sequence-gap',
      `After event ${state.sequence} of ${event.key} comes ${event.sequence}: the log is not whole`,
    )
  }
  if (event.previousHash !== state.hash) {
    throw new Unreadable(
      'chain-broken',
      `Event ${event.sequence} of ${event.key} follows another event than the one before it`,
    )
  }
  return evolve(state, event)
}
