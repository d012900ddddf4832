/**
 * What may happen to an order after it was placed. Pure: it sees the order as it stands and what is asked, and answers
 * with the columns to change or the rule that forbids it.
 *
 * It knows nothing of revisions, requests or stores.
 */
import type { OrderItem, OrderStatus } from './order.ts'
import { totalCentsOf } from './totals.ts'

const nextStatuses: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  placed: ['paid', 'cancelled'],
  paid: ['shipped', 'cancelled'],
  shipped: ['delivered'],
  delivered: [],
  cancelled: [],
}

/** Where an order may go from `status`; empty for the two ends. */
export function movesFrom(status: OrderStatus): readonly OrderStatus[] {
  return nextStatuses[status]
}

/** What a client asks to change; an absent field stays as it is. */
export interface OrderPatch {
  readonly customerName?: string | undefined
  readonly items?: readonly OrderItem[] | undefined
  readonly note?: string | undefined
  readonly status?: OrderStatus | undefined
}

/** The values to write; the total follows the items and is never asked for. */
export interface OrderChange extends OrderPatch {
  readonly totalCents?: number | undefined
}

export type ChangeDecision =
  | { readonly outcome: 'allowed'; readonly change: OrderChange }
  | { readonly outcome: 'illegal-move'; readonly from: OrderStatus; readonly to: OrderStatus }
  | { readonly outcome: 'items-locked'; readonly status: OrderStatus }
  | { readonly outcome: 'total-too-large' }

/** Staying where it is counts as an illegal move: a client that asks for it has missed that somebody was faster. */
export function decideChange(current: { readonly status: OrderStatus }, patch: OrderPatch): ChangeDecision {
  if (patch.status !== undefined && !movesFrom(current.status).includes(patch.status)) {
    return { outcome: 'illegal-move', from: current.status, to: patch.status }
  }
  if (patch.items === undefined) return { outcome: 'allowed', change: patch }
  if (current.status !== 'placed') return { outcome: 'items-locked', status: current.status }
  const totalCents = totalCentsOf(patch.items)
  return totalCents === undefined
    ? { outcome: 'total-too-large' }
    : { outcome: 'allowed', change: { ...patch, totalCents } }
}
