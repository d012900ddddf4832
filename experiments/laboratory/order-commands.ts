/**
 * Commands as a shop has them: orders that are placed, changed, paid, shipped, cancelled and removed side by side, some of
 * limited goods, some that will be refused, some that are sent twice.
 *
 * Invariant: pure but for the dice that it is given, which also make the ids: the same dice, the same commands. What
 * becomes of them it does not know.
 */
import type { OrderItem, OrderStatus } from '@driftlab/order'
import { commandVersion, limitedUnits, type Command, type CommandOf, type PlaceOrder } from '@driftlab/order-events'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { v4 as uuidV4 } from 'uuid'

export interface Dice {
  /** In [0, 1). */
  readonly random: () => number
}

/** Dice of one's own, for what runs beside something else: whoever is faster, each throws the same. */
export function seededDice(seed: number): Dice {
  const generator = xoroshiro128plus(seed)
  return { random: () => uniformFloat64(generator) }
}

export interface CommandMaker {
  place(items?: readonly OrderItem[], actor?: string): PlaceOrder
  change(orderId: string, patch: CommandOf<'ChangeOrder'>['patch'], actor?: string): CommandOf<'ChangeOrder'>
  remove(orderId: string, actor?: string): CommandOf<'RemoveOrder'>
  receive(sku: string, quantity: number): CommandOf<'ReceiveStock'>
}

const firstIssuedAtMs = Date.UTC(2026, 0, 1)

/** Each command is issued a second after the one before, by a clock of its own. */
export function commandMaker({ random }: Dice): CommandMaker {
  let issued = 0
  const id = (): string => uuidV4({ random: Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)) })
  const circumstances = (actor: string) => {
    const issuedAt = new Date(firstIssuedAtMs + issued++ * 1_000).toISOString()
    return { version: commandVersion, id: id(), actor, reason: null, issuedAt } as const
  }
  return {
    place: (items = [tea], actor = 'customer') => ({
      ...circumstances(actor),
      type: 'PlaceOrder',
      orderId: id(),
      order: { customerId: 'c-1', customerName: 'Zoë', items: [...items], note: '', currency: 'EUR' },
      fingerprint: null,
      visits: [...limitedUnits(items)],
      reserved: [],
      repeated: false,
    }),
    change: (orderId, patch, actor = 'customer') => ({ ...circumstances(actor), type: 'ChangeOrder', orderId, patch }),
    remove: (orderId, actor = 'customer') => ({ ...circumstances(actor), type: 'RemoveOrder', orderId }),
    receive: (sku, quantity) => ({ ...circumstances('warehouse'), type: 'ReceiveStock', sku, quantity }),
  }
}

const tea: OrderItem = { sku: 'tea-1', description: 'Green tea, 100 g', quantity: 2, unitPriceCents: 450 }

export interface Shop extends Dice {
  readonly orders: number
  /** Of each order, after it was placed. */
  readonly changesMax: number
  /** How many kinds of goods there is only so much of; by default none. */
  readonly limitedSkus?: number
  /** Of each kind. By default enough for about half of those who want it. */
  readonly limitedUnitsEach?: number
}

/** Of all orders, how many want limited goods where there are any, and of all commands, how many are sent once more. */
const limitedShare = 0.3
const repeatedShare = 0.05

/** A day in the shop: the lives of its orders, step by step side by side, each in its own order. */
export function planDay(shop: Shop): readonly Command[] {
  const { random, orders, limitedSkus = 0 } = shop
  const maker = commandMaker(shop)
  const skus = Array.from({ length: limitedSkus }, (_, index) => `limited-${index + 1}`)
  const unitsEach = shop.limitedUnitsEach ?? Math.ceil((orders * limitedShare) / Math.max(1, limitedSkus) / 2)
  const lives = Array.from({ length: orders }, () => lifeOfOrder(shop, maker, skus))
  return [...skus.map((sku) => maker.receive(sku, unitsEach)), ...sideBySide(lives, shop)].flatMap((command) =>
    random() < repeatedShare ? [command, command] : [command],
  )
}

/** Each life in its own order, and all of them mixed. */
export function sideBySide<Step>(lives: readonly (readonly Step[])[], { random }: Dice): readonly Step[] {
  const left = lives.filter(({ length }) => length > 0).map((life) => [...life])
  const all: Step[] = []
  while (left.length > 0) {
    const index = Math.floor(random() * left.length)
    const life = left[index] ?? []
    all.push(...life.splice(0, 1))
    if (life.length === 0) left.splice(index, 1)
  }
  return all
}

function lifeOfOrder({ random, changesMax }: Shop, maker: CommandMaker, skus: readonly string[]): readonly Command[] {
  const items = Array.from({ length: 1 + Math.floor(random() * 3) }, () => itemFrom({ random }))
  const wanted = skus.length > 0 && random() < limitedShare ? [pick({ random }, skus)] : []
  const placed = maker.place([...items, ...wanted.map((sku): OrderItem => ({ ...tea, sku, quantity: 1 }))])
  const { orderId } = placed
  const changes = Array.from({ length: Math.floor(random() * (changesMax + 1)) }, (_, turn): Command => {
    const dice = random()
    if (dice < 0.4) return maker.change(orderId, { note: `note ${turn}` })
    if (dice < 0.5) return maker.change(orderId, { customerName: `Zoë ${turn}` }, 'support')
    if (dice < 0.6) return maker.change(orderId, { items: [...items.slice(1), itemFrom({ random })], note: 'changed' })
    if (dice < 0.95) return maker.change(orderId, { status: pick({ random }, laterStatuses) }, 'system')
    return maker.remove(orderId, 'support')
  })
  return [placed, ...changes]
}

/** In whatever order they come up: what the order is not ready for is refused. */
const laterStatuses: readonly OrderStatus[] = ['paid', 'paid', 'paid', 'shipped', 'shipped', 'delivered', 'cancelled']

function itemFrom({ random }: Dice): OrderItem {
  const sku = `tea-${1 + Math.floor(random() * 9)}`
  return { ...tea, sku, quantity: 1 + Math.floor(random() * 4), unitPriceCents: 50 * (1 + Math.floor(random() * 20)) }
}

/** One of several, each as likely. @throws {RangeError} when there is none. */
export function pick<Value>({ random }: Dice, values: readonly Value[]): Value {
  const index = Math.floor(random() * values.length)
  if (index >= values.length) throw new RangeError('nothing to pick from')
  return values[index] as Value
}
