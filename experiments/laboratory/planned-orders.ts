/**
 * Orders as they are to happen, with times that an experiment makes up: whoever plans them knows what must come of them,
 * without the log or the rules of orders having any part in it. Pure but for the dice that it is given, and for `startWriting`.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { OrderItem } from '@driftlab/order'
import type { Command } from '@driftlab/order-events'
import { v7 as uuidV7 } from 'uuid'
import type { EventSourcedLane } from './event-sourced-lane.ts'
import { changeOrder, placeOrder, removeOrder } from './commands.ts'

export interface PlannedOrder {
  readonly id: string
  readonly customerId: string
  /** As they are when it is paid. */
  readonly items: readonly OrderItem[]
  readonly placedAt: Date
  /** Undefined when that never happens; so with the others. */
  readonly paidAt: Date | undefined
  readonly cancelledAt: Date | undefined
  readonly removedAt: Date | undefined
  /** In their order. */
  readonly commands: readonly Command[]
}

export interface Planning {
  readonly random: () => number
  readonly customerId: () => string
  readonly items: () => OrderItem[]
}

const dayMs = 86_400_000

/** One that is placed at a time and lives some days: most are paid, a few are changed before, cancelled, or removed. */
export function planOrder(placedAt: Date, { random, customerId, items }: Planning): PlannedOrder {
  const later = (time: Date): Date => new Date(time.getTime() + 1 + Math.floor(random() * dayMs))
  const id = uuidV7()
  const customer = customerId()
  const paidFor = items()
  const isChanged = random() < 0.1
  const paidAt = random() < 0.9 ? later(placedAt) : undefined
  const cancelledAt = random() < 0.1 ? later(paidAt ?? placedAt) : undefined
  const removedAt = random() < 0.08 ? later(cancelledAt ?? paidAt ?? placedAt) : undefined
  const placed = isChanged ? items() : [...paidFor]
  const commands = [
    placeOrder({ orderId: id, customerId: customer, items: placed, issuedAt: placedAt }),
    ...(isChanged ? [changeOrder(id, { items: [...paidFor] }, { issuedAt: placedAt })] : []),
    ...(paidAt === undefined ? [] : [changeOrder(id, { status: 'paid' }, { issuedAt: paidAt })]),
    ...(cancelledAt === undefined ? [] : [changeOrder(id, { status: 'cancelled' }, { issuedAt: cancelledAt })]),
    ...(removedAt === undefined ? [] : [removeOrder(id, { issuedAt: removedAt })]),
  ]
  return { id, customerId: customer, items: paidFor, placedAt, paidAt, cancelledAt, removedAt, commands }
}

/** Spread evenly over the days before `until`. */
export function planHistory(count: number, days: number, until: Date, planning: Planning): readonly PlannedOrder[] {
  const spacingMs = (days * dayMs) / count
  return Array.from({ length: count }, (_, n) =>
    planOrder(new Date(until.getTime() - days * dayMs + Math.floor(n * spacingMs)), planning),
  )
}

/** In the order of their times, as they would have come. */
export function commandsOf(orders: readonly PlannedOrder[]): readonly Command[] {
  return orders
    .flatMap(({ commands }) => commands)
    .toSorted((one, other) => Date.parse(one.issuedAt) - Date.parse(other.issuedAt))
}

export interface Writer {
  /** Resolves when it has stopped. @returns what it has asked for. */
  stop(): Promise<readonly PlannedOrder[]>
}

const ordersPerWrite = 10
const writeIntervalMs = 20

/** Sends orders of today, some at a time, until it is stopped. */
export function startWriting(lane: EventSourcedLane, planning: Planning): Writer {
  const orders: PlannedOrder[] = []
  const stopping = new AbortController()
  const write = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const some = Array.from({ length: ordersPerWrite }, () => planOrder(new Date(), planning))
      await lane.send(commandsOf(some))
      orders.push(...some)
      await delay(writeIntervalMs)
    }
  }
  const writing = write()
  // Whoever stops it hears of it.
  writing.catch(() => undefined)
  return {
    stop: async () => {
      stopping.abort()
      await writing
      return orders
    },
  }
}

/** @throws when one of the lane's commands came to anything but what it asked for: then the plan is not what happened. */
export async function expectAllAccepted(lane: EventSourcedLane): Promise<void> {
  const refused = (await lane.outcomes()).find(({ result }) => result.status !== 'accepted')
  if (refused !== undefined) throw new Error(`the plan asks for what is not allowed: ${JSON.stringify(refused)}`)
}
