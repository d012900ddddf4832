/**
 * What is written to both databases: pure, the same for the same seed.
 *
 * Invariant: each order belongs to one client, whose transactions run one after another. So the last state of every order
 * follows from the plan alone, whatever the databases make of the clients' interleaving.
 */
import { orderStatuses, type OrderStatus } from '@driftlab/order'
import type { CreateOrder } from '../../services/orders/src/repository.ts'

export type NewOrder = Omit<CreateOrder, 'idempotency'>

export type Statement =
  | { readonly kind: 'insert'; readonly order: NewOrder }
  | { readonly kind: 'update'; readonly id: string; readonly status: OrderStatus; readonly note: string }
  | { readonly kind: 'delete'; readonly id: string }

export interface Transaction {
  readonly statements: readonly Statement[]
  readonly outcome: 'committed' | 'rolled-back'
}

export interface Client {
  /** The next transactions of this client. */
  next(count: number): readonly Transaction[]
  create(): { readonly id: string; readonly transaction: Transaction }
  /** Deletes up to `count` of its orders. */
  remove(count: number): Transaction
}

const statementsMax = 3
const rolledBackShare = 0.1

/** Among them what comes to grief on the way: quotes, four-byte letters, blanks at the end, a text that is kept out of line. */
const notes = [
  '',
  'please ring twice',
  `'; drop table orders; -- "\\ \\' \\0`,
  '漢字 👩‍🚀 e\u0301 \u2028 \u0001',
  'blanks at the end   ',
  'two\r\nlines\tand a tab',
  '50 letters of three bytes each, and long: '.padEnd(20_000, '€'),
] as const

export function createClient(random: () => number): Client {
  const below = (limit: number): number => Math.floor(random() * limit)
  const pick = <Value>(values: readonly [Value, ...Value[]] | readonly Value[]): Value => {
    const value = values[below(values.length)]
    if (value === undefined) throw new Error('nothing to pick from')
    return value
  }
  let alive: readonly string[] = []
  let gone: readonly string[] = []

  const insert = (id: string): Statement => ({
    kind: 'insert',
    order: {
      id,
      customerId: `c-${below(50)}`,
      customerName: pick(['Ada Lovelace', 'Zoë Ångström', "O'Brien", '李小龍']),
      items: Array.from({ length: 1 + below(3) }, (_, index) => ({
        sku: `sku-${index}`,
        description: pick(notes.slice(1, 6)),
        quantity: 1 + below(9),
        unitPriceCents: pick([0, 1, 19_900, Number.MAX_SAFE_INTEGER]),
      })),
      note: pick(notes),
      totalCents: pick([0, 1, 19_900, Number.MAX_SAFE_INTEGER]),
      currency: pick(['EUR', 'USD', 'JPY']),
    },
  })

  const transaction = (): Transaction => {
    const before = { alive, gone }
    const statements = Array.from({ length: 1 + below(statementsMax) }, (): Statement => {
      const dice = random()
      if (alive.length === 0 || dice < 0.35) {
        // Now and then an order comes back under the id of one that was deleted.
        const again = gone.length > 0 && random() < 0.2 ? pick(gone) : undefined
        const id = again ?? uuid(random)
        alive = [...alive, id]
        gone = gone.filter((other) => other !== id)
        return insert(id)
      }
      const id = pick(alive)
      if (dice < 0.85) return { kind: 'update', id, status: pick(orderStatuses), note: pick(notes) }
      alive = alive.filter((other) => other !== id)
      gone = [...gone, id]
      return { kind: 'delete', id }
    })
    if (random() >= rolledBackShare) return { statements, outcome: 'committed' }
    ;({ alive, gone } = before)
    return { statements, outcome: 'rolled-back' }
  }

  return {
    next: (count) => Array.from({ length: count }, transaction),
    create: () => {
      const id = uuid(random)
      alive = [...alive, id]
      return { id, transaction: { statements: [insert(id)], outcome: 'committed' } }
    },
    remove: (count) => {
      const removed = alive.slice(0, count)
      alive = alive.slice(count)
      return { statements: removed.map((id) => ({ kind: 'delete', id })), outcome: 'committed' }
    },
  }
}

/** Of version 4, from the seed. */
function uuid(random: () => number): string {
  const digits = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16))
  digits[12] = '4'
  digits[16] = '8'
  const text = digits.join('')
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-')
}
