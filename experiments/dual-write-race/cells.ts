/** What is tried: one cell for each combination of a strategy and a load. */

export const strategies = [
  'dual-write',
  'dual-write-parallel',
  'dual-write-last-writer-wins',
  'dual-write-in-transaction',
  'cdc',
] as const
export type Strategy = (typeof strategies)[number]

export interface Cell {
  readonly strategy: Strategy
  readonly instances: number
  /** Clients, each with one request at a time. */
  readonly concurrency: number
  /** How many orders are being changed at a time: the fewer, the more often two clients meet. */
  readonly hotOrders: number
  /** At rest in the end; each was updated `updatesPerOrder` times. */
  readonly orders: number
}

/** An order has a short life of changes, and then rests: its last changes decide whether its copies are right. */
export const updatesPerOrder = 10

const usual = { strategy: 'dual-write', instances: 2, concurrency: 16, hotOrders: 4 } as const

export function cellsOf(quick: boolean): readonly Cell[] {
  return quick ? quickCells : fullCells()
}

/**
 * One for each part of the claim, but for the clock as version: that needs two commits answered in the other order within a
 * fraction of a millisecond, so it takes too many trials. Clients meet most often where one order is changed at a time: of
 * those of dual writes every second one diverges, mostly in the stores that are written last.
 */
const quickCells: readonly Cell[] = [
  // One client alone is slow: an order's updates follow one another.
  { ...usual, concurrency: 1, orders: 20 },
  { ...usual, hotOrders: 1, orders: 30 },
  { ...usual, hotOrders: 1, strategy: 'dual-write-parallel', orders: 30 },
  { ...usual, strategy: 'dual-write-in-transaction', orders: 24 },
  { ...usual, strategy: 'cdc', orders: 30 },
]

function fullCells(): readonly Cell[] {
  const orders = 200
  return [
    ...[1, 2, 4, 8, 16, 32, 64].map((concurrency) => ({
      ...usual,
      concurrency,
      orders: concurrency === 1 ? 100 : orders,
    })),
    ...[1, 4].map((instances) => ({ ...usual, instances, orders })),
    ...[1, 16, 64].map((hotOrders) => ({ ...usual, hotOrders, orders })),
    ...strategies.slice(1).map((strategy) => ({ ...usual, strategy, orders })),
    // Two commits have to be answered in the other order within a fraction of a millisecond: rare, so more is tried.
    { ...usual, strategy: 'dual-write-last-writer-wins', hotOrders: 1, orders: 600 },
  ]
}

/**
 * In which order the updates are asked for: at any time about `hotOrders` orders are in the middle of their updates, and
 * which of them is next is random.
 */
export function sequenceOf(orders: readonly string[], hotOrders: number, random: () => number): readonly string[] {
  const waiting = [...orders]
  const active: { readonly order: string; left: number }[] = []
  const sequence: string[] = []
  for (;;) {
    while (active.length < hotOrders) {
      const order = waiting.shift()
      if (order === undefined) break
      active.push({ order, left: updatesPerOrder })
    }
    const index = Math.floor(random() * active.length)
    const chosen = active[index]
    if (chosen === undefined) return sequence
    sequence.push(chosen.order)
    chosen.left -= 1
    if (chosen.left === 0) active.splice(index, 1)
  }
}
