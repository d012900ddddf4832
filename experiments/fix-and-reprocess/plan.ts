/**
 * What is ordered, and what it should bring: computed from the plan with whole numbers of any size, without the log, the rules
 * of orders or the projection having any part in it. Pure but for the dice that it is given.
 */
import type { OrderItem } from '@driftlab/order'
import type { PlannedOrder, Planning } from '../laboratory/planned-orders.ts'
import { addUp, discountFromQuantity, type Revenue } from './revenue.ts'

const articles = 12

export function planning(random: () => number): Planning {
  return { random, customerId: () => 'c-1', items: () => planItems(random) }
}

/** Many prices, and every other line in a quantity that gets the discount. */
function planItems(random: () => number): OrderItem[] {
  return Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
    const article = Math.floor(random() * articles)
    return {
      sku: `tea-${article}`,
      description: `Tea ${article}`,
      quantity: random() < 0.5 ? 1 + Math.floor(random() * 9) : discountFromQuantity + Math.floor(random() * 3),
      unitPriceCents: 200 + Math.floor(random() * 400),
    }
  })
}

export function exactRevenue(orders: readonly PlannedOrder[]): readonly Revenue[] {
  return addUp(
    orders.flatMap(({ items, paidAt, cancelledAt }) => {
      if (paidAt === undefined) return []
      return [{ at: paidAt, sign: 1 }, ...(cancelledAt === undefined ? [] : [{ at: cancelledAt, sign: -1 }])].flatMap(
        ({ at, sign }) =>
          items.map((item) => ({
            day: at.toISOString().slice(0, 10),
            sku: item.sku,
            netCents: sign * exactCents(item),
            lines: sign,
          })),
      )
    }),
  )
}

/** From the doubled amount in hundredths of a cent, in which half a cent is a whole number too. */
function exactCents({ quantity, unitPriceCents }: OrderItem): number {
  const percent = quantity < discountFromQuantity ? 100n : 85n
  const doubled = 2n * BigInt(quantity) * BigInt(unitPriceCents) * percent
  return Number((doubled + 100n) / 200n)
}
