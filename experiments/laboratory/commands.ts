/** Commands of orders as an experiment sends them. The time is the experiment's to say: history may be made up. */
import { commandVersion, limitedUnits, type CommandOf, type PlaceOrder } from '@driftlab/order-events'
import { v7 as uuidV7 } from 'uuid'

export interface Circumstances {
  readonly issuedAt?: Date
  readonly actor?: string
  readonly reason?: string | null
}

export function circumstances({ issuedAt = new Date(), actor = 'customer', reason = null }: Circumstances = {}) {
  return { version: commandVersion, id: uuidV7(), actor, reason, issuedAt: issuedAt.toISOString() } as const
}

const tea = { sku: 'tea-1', description: 'Green tea, 100 g', quantity: 2, unitPriceCents: 450 }

export interface OrderToPlace extends Partial<PlaceOrder['order']>, Circumstances {
  readonly orderId?: string
}

/** It visits the stocks of whatever is limited in it. */
export function placeOrder({ orderId = uuidV7(), items = [tea], ...rest }: OrderToPlace = {}): PlaceOrder {
  const { customerId = 'c-1', customerName = 'Zoë', note = 'new', currency = 'EUR' } = rest
  return {
    ...circumstances(rest),
    ...{ type: 'PlaceOrder', orderId, order: { customerId, customerName, items, note, currency } },
    ...{ fingerprint: null, visits: [...limitedUnits(items)], reserved: [], repeated: false },
  }
}

export function changeOrder(
  orderId: string,
  patch: CommandOf<'ChangeOrder'>['patch'],
  rest: Circumstances = {},
): CommandOf<'ChangeOrder'> {
  return { ...circumstances(rest), type: 'ChangeOrder', orderId, patch }
}

export function removeOrder(orderId: string, rest: Circumstances = {}): CommandOf<'RemoveOrder'> {
  return { ...circumstances(rest), type: 'RemoveOrder', orderId }
}
