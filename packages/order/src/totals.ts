import type { OrderItem } from './order.ts'

/**
 * The price of everything in an order, in cents.
 *
 * @returns undefined when the total is beyond what a double holds exactly (2^53 - 1): such an order must be refused,
 * since some store or some reader would round it.
 */
export function totalCentsOf(items: readonly Pick<OrderItem, 'quantity' | 'unitPriceCents'>[]): number | undefined {
  const total = items.reduce((sum, item) => sum + BigInt(item.quantity) * BigInt(item.unitPriceCents), 0n)
  return total <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(total) : undefined
}
