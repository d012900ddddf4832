/** What is done to the orders. Pure but for the dice that it is given. */
import type { OrderStatus } from '@driftlab/order'

export type Step = { readonly order: string } & (
  { readonly kind: 'note' } | { readonly kind: 'status'; readonly status: OrderStatus } | { readonly kind: 'remove' }
)

/** The life of an order that goes well; it is placed when it is inserted. */
const later: readonly OrderStatus[] = ['paid', 'shipped', 'delivered']
/** Of all orders, how many are removed in the end. */
const removedShare = 0.125

/**
 * For each client, what it does one after another: the lives of its own orders, step by step side by side. Every order
 * is paid, shipped and delivered, gets `notes` notes somewhere in between, and some are then removed.
 */
export function planLives(
  orders: readonly string[],
  options: { readonly clients: number; readonly notes: number; readonly random: () => number },
): readonly (readonly Step[])[] {
  const { clients, notes, random } = options
  const lives = orders.map((order): readonly Step[] => {
    const moves = later.map((status): Step => ({ order, kind: 'status', status }))
    const steps = Array.from({ length: notes }, (): Step => ({ order, kind: 'note' })).reduce<readonly Step[]>(
      (life, note) => life.toSpliced(Math.floor(random() * (life.length + 1)), 0, note),
      moves,
    )
    return random() < removedShare ? [...steps, { order, kind: 'remove' }] : steps
  })
  return Array.from({ length: clients }, (_none, client) => {
    const own = lives.filter((_life, at) => at % clients === client)
    const longest = Math.max(0, ...own.map(({ length }) => length))
    return Array.from({ length: longest }, (_, step) => own.flatMap((life) => life.slice(step, step + 1))).flat()
  })
}

/** Two changes of every order: one for a sink to be frozen with, and one that makes that history. */
export function planFreeze(orders: readonly string[]): {
  readonly held: readonly Step[]
  readonly newer: readonly Step[]
} {
  return {
    held: orders.map((order, at) =>
      at % 2 === 0 ? { order, kind: 'note' } : { order, kind: 'status', status: 'paid' },
    ),
    newer: orders.map((order, at) =>
      at % 4 === 3
        ? { order, kind: 'remove' }
        : at % 4 === 1
          ? { order, kind: 'status', status: 'shipped' }
          : { order, kind: 'note' },
    ),
  }
}
