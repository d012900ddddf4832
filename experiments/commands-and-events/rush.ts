/** More orders for limited goods than there are: what is asked for, by dice. */
import type { OrderItem } from '@driftlab/order'
import type { Command } from '@driftlab/order-events'
import { commandMaker, pick, sideBySide, type CommandMaker, type Dice } from '../laboratory/order-commands.ts'

export interface Rush extends Dice {
  readonly skus: readonly string[]
  /** Orders that want each of the goods. */
  readonly ordersEach: number
}

const shares = { paid: 0.5, cancelled: 0.2, removed: 0.05, ofTwo: 0.2, repeated: 0.1 }
const unitsMax = 3
/** Of what is wanted, how much there is. */
const stockShare = 0.4

/** Whoever has an order waits for it before asking for anything else, so what comes after it is in the next wave. */
const waves = 4

/**
 * Wave by wave: new orders, and beside them what becomes of those of the wave before. Half of the goods are there from the
 * beginning, the other half comes in the middle; and in each wave some commands come again.
 */
export function planRush(rush: Rush): readonly (readonly Command[])[] {
  const { random, skus, ordersEach } = rush
  const maker = commandMaker(rush)
  const unitsEach = Math.floor((ordersEach * (1 + shares.ofTwo) * ((1 + unitsMax) / 2) * stockShare) / 2)
  const lives = Array.from({ length: waves }, () =>
    skus.flatMap((sku) => Array.from({ length: Math.ceil(ordersEach / waves) }, () => lifeOf(rush, maker, sku))),
  )
  const sent: Command[] = []
  return Array.from({ length: waves + 1 }, (_, wave) => {
    const received = wave === 0 || wave === waves / 2 ? skus.map((sku) => maker.receive(sku, unitsEach)) : []
    const placed = (lives[wave] ?? []).map(([order]) => [order])
    const later = (lives[wave - 1] ?? []).map(([, ...changes]) => changes)
    const asked = [...received, ...sideBySide([...placed, ...later], rush)]
    return asked.flatMap((command) => {
      sent.push(command)
      if (random() >= shares.repeated) return [command]
      // An impatient client at once, or one that had lost the answer, much later.
      return [command, random() < 0.5 ? command : pick(rush, sent)]
    })
  })
}

type Life = readonly [placed: Command, ...later: Command[]]

function lifeOf(rush: Rush, maker: CommandMaker, sku: string): Life {
  const { random, skus } = rush
  const other = pick(rush, skus)
  const wanted = random() < shares.ofTwo && other !== sku ? [sku, other] : [sku]
  const placed = maker.place(wanted.map((name) => unitsOf(name, 1 + Math.floor(random() * unitsMax))))
  const { orderId } = placed
  return [
    placed,
    ...(random() < shares.paid ? [maker.change(orderId, { status: 'paid' })] : []),
    ...(random() < shares.cancelled ? [maker.change(orderId, { status: 'cancelled' })] : []),
    ...(random() < shares.removed ? [maker.remove(orderId)] : []),
  ]
}

function unitsOf(sku: string, quantity: number): OrderItem {
  return { sku, description: 'A lamp, while there are any', quantity, unitPriceCents: 4_900 }
}
