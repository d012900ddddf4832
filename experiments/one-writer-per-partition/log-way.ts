/**
 * Selling through the log: an order is a command, whichever processor has the partition of its stock decides it there, and
 * the outcome is the answer. Nothing is locked, and nothing is tried again.
 */
import { limitedUnits, type Command } from '@driftlab/order-events'
import { openOutcomes } from '../../services/orders/src/event-sourcing/outcomes.ts'
import type { EventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { circumstances, placeOrder } from '../laboratory/commands.ts'
import type { Answer, Shop } from './shop.ts'

const answerTimeoutMs = 20_000

export async function openLogShop(laboratory: Laboratory, lane: EventSourcedLane): Promise<Shop> {
  const outcomes = await openOutcomes(lane.log, lane.admin, lane.topics.outcomes, (error) => {
    throw error
  })
  laboratory.atEnd(() => outcomes.close())
  const send = together((commands) => lane.send(commands))
  /** Where the events of the sale begin. */
  let begins: ReadonlyMap<number, number> = new Map()

  const ask = async (command: Command): Promise<Answer['outcome']> => {
    const answer = outcomes.waitFor({ commandId: command.id, fingerprint: null }, answerTimeoutMs)
    await send(command)
    const outcome = await answer
    if (outcome === undefined) return 'open'
    const { result } = outcome
    switch (result.status) {
      case 'accepted':
        return 'sold'
      case 'refused':
        if (result.refusal.code === 'stock-short') return 'refused'
        throw new Error(`refused for another reason: ${JSON.stringify(result)}`)
      case 'answered':
      case 'forwarded':
      case 'parked':
        throw new Error(`no answer to an order: ${JSON.stringify(outcome)}`)
    }
  }

  return {
    receive: async (skus, unitsEach) => {
      const ranges = await lane.admin.ranges(lane.topics.events)
      begins = new Map(ranges.map(({ partition, end }) => [partition, end]))
      await Promise.all(skus.map((sku) => ask({ ...circumstances(), type: 'ReceiveStock', sku, quantity: unitsEach })))
    },
    buy: async (sku) => {
      const items = [{ sku, description: 'There are only so many', quantity: 1, unitPriceCents: 9_900 }]
      return { outcome: await ask(placeOrder({ items })), retries: 0 }
    },
    recorded: async (skus) => {
      await lane.settle()
      const units = new Map(skus.map((sku) => [sku, 0]))
      // The order itself, not the reservation: it is what a buyer was promised.
      for (const { event } of await lane.events(begins)) {
        if (event.type !== 'OrderPlaced') continue
        for (const { sku, quantity } of limitedUnits(event.items)) units.set(sku, (units.get(sku) ?? 0) + quantity)
      }
      return units
    },
  }
}

/** Commands that come while a request is on its way go together in the next, as a busy service sends them. */
function together(send: (commands: readonly Command[]) => Promise<void>): (command: Command) => Promise<void> {
  let collecting: { readonly commands: Command[]; readonly sent: Promise<void> } | undefined
  let last: Promise<unknown> = Promise.resolve()
  return (command) => {
    if (collecting === undefined) {
      const commands: Command[] = []
      const sent = last.then(() => {
        collecting = undefined
        return send(commands)
      })
      last = sent.catch(() => undefined)
      collecting = { commands, sent }
    }
    collecting.commands.push(command)
    return collecting.sent
  }
}
