/**
 * What a customer bought, as a projection: from an order's event to the documents that it makes or ends. Pure.
 *
 * An order was bought when it was paid, and was not when it is cancelled after all or removed. Its document has the customer's
 * id here; the name joins it where names are known.
 */
import type { OrderItem } from '@driftlab/order'
import type { DomainEvent, State } from '@driftlab/order-events'

export interface Purchase {
  readonly orderId: string
  readonly customerId: string
  readonly boughtAt: string
  readonly items: readonly OrderItem[]
}

export type PurchaseChange =
  { readonly kind: 'put'; readonly purchase: Purchase } | { readonly kind: 'drop'; readonly orderId: string }

/** @param before the order before the event. */
export function purchaseChange(before: State, event: DomainEvent): PurchaseChange | undefined {
  if (before.kind !== 'order') return undefined
  const { id: orderId, customerId, items } = before.order
  switch (event.type) {
    case 'OrderPaid':
      return { kind: 'put', purchase: { orderId, customerId, boughtAt: event.at, items } }
    case 'OrderCancelled':
    case 'OrderRemoved':
      return { kind: 'drop', orderId }
    case 'OrderPlaced':
    case 'ItemAdded':
    case 'ItemRemoved':
    case 'NoteChanged':
    case 'CustomerNameCorrected':
    case 'OrderShipped':
    case 'OrderDelivered':
    case 'StockReceived':
    case 'StockReserved':
    case 'StockReleased':
      return undefined
  }
}

/** Of several changes of one order, the last. */
export function lastOfEach(changes: readonly PurchaseChange[]): readonly PurchaseChange[] {
  const last = new Map<string, PurchaseChange>()
  for (const change of changes) last.set(change.kind === 'put' ? change.purchase.orderId : change.orderId, change)
  return [...last.values()]
}
