/**
 * The revenue view as a projection: from an order's event to what it adds to a day and an article. Pure.
 *
 * Revenue comes when an order is paid, line by line, on the day of the event; a paid order that is cancelled takes it back
 * on the day of that. Whoever takes ten of an article or more gets 15 % off.
 */
import type { OrderItem } from '@driftlab/order'
import { type DomainEvent, type State } from '@driftlab/order-events'

export const discountFromQuantity = 10
const keptShare = 0.85

export type Line = Pick<OrderItem, 'quantity' | 'unitPriceCents'>
/** What a line of an order brings, in whole cents. */
export type Pricing = (line: Line) => number

/** As it was shipped: the bug rounds down, and does it for each unit. */
export const shippedPricing: Pricing = (line) => line.quantity * shippedUnitCents(line)

export function shippedUnitCents({ quantity, unitPriceCents }: Line): number {
  return quantity < discountFromQuantity ? unitPriceCents : Math.floor(unitPriceCents * keptShare)
}

/** As it should be: to the nearest cent, and once for the whole line. */
export const fixedPricing: Pricing = ({ quantity, unitPriceCents }) =>
  quantity < discountFromQuantity ? quantity * unitPriceCents : Math.floor((quantity * unitPriceCents * 85 + 50) / 100)

export interface Revenue {
  readonly day: string
  readonly sku: string
  readonly netCents: number
  readonly lines: number
}

/** @param before the order before the event. */
export function revenueOf(before: State, event: DomainEvent, pricing: Pricing): readonly Revenue[] {
  if (before.kind !== 'order') return []
  const sign =
    event.type === 'OrderPaid' ? 1 : event.type === 'OrderCancelled' && before.order.status === 'paid' ? -1 : 0
  return sign === 0
    ? []
    : before.order.items.map((item) => ({
        day: event.at.slice(0, 10),
        sku: item.sku,
        netCents: sign * pricing(item),
        lines: sign,
      }))
}

/** One entry for each day and article. */
export function addUp(revenues: readonly Revenue[]): readonly Revenue[] {
  const sums = new Map<string, Revenue>()
  for (const revenue of revenues) {
    const name = nameOf(revenue)
    const before = sums.get(name)
    sums.set(name, {
      ...revenue,
      netCents: (before?.netCents ?? 0) + revenue.netCents,
      lines: (before?.lines ?? 0) + revenue.lines,
    })
  }
  return [...sums.values()]
}

export const nameOf = ({ day, sku }: Pick<Revenue, 'day' | 'sku'>): string => `${day} ${sku}`
