/**
 * The rules of the business: from the state of a key and a command to the facts that follow, or a refusal. Pure, and
 * without a clock: what time it is, the command says. It looks at one key; what concerns several travels as further
 * commands, each decided where its key is decided.
 */
import {
  decideChange,
  totalCentsOf,
  type OrderDocument,
  type OrderItem,
  type OrderPatch,
  type OrderStatus,
} from '@driftlab/order'
import { v5 as uuidV5 } from 'uuid'
import { z } from 'zod'
import { commandVersion, type Command, type CommandOf, type PlaceOrder, type Reservation } from './command.ts'
import type { Fact } from './event.ts'
import { limitedUnits } from './keys.ts'
import { availableUnits, type OrderState, type State, type StockState } from './state.ts'

/** Why a command came to nothing. */
export const refusalSchema = z.discriminatedUnion('code', [
  z.object({ code: z.literal('order-unknown') }),
  z.object({ code: z.literal('order-deleted') }),
  z.object({ code: z.literal('order-exists') }),
  z.object({ code: z.literal('revision-moved'), revision: z.int() }),
  z.object({ code: z.literal('illegal-move'), from: z.string(), to: z.string() }),
  z.object({ code: z.literal('items-locked'), status: z.string() }),
  z.object({ code: z.literal('limited-items-fixed') }),
  z.object({ code: z.literal('total-too-large') }),
  z.object({ code: z.literal('stock-short'), sku: z.string(), availableUnits: z.int() }),
  z.object({ code: z.literal('idempotency-key-reused') }),
  /** A repeat of a command that nobody remembers any more. */
  z.object({ code: z.literal('forgotten') }),
])
export type Refusal = z.output<typeof refusalSchema>

export type Decision =
  | { readonly outcome: 'accepted'; readonly facts: readonly Fact[]; readonly commands: readonly Command[] }
  /** It goes on to its next stop, and its answer comes from there. */
  | { readonly outcome: 'forwarded'; readonly facts: readonly Fact[]; readonly commands: readonly Command[] }
  /** A question; the state is the answer. */
  | { readonly outcome: 'answered' }
  | { readonly outcome: 'refused'; readonly refusal: Refusal; readonly commands: readonly Command[] }

export function decide(state: State, command: Command): Decision {
  return state.kind === 'stock' ? decideStock(state, command) : decideOrder(state, command)
}

function decideStock(state: StockState, command: Command): Decision {
  switch (command.type) {
    case 'PlaceOrder':
      return reserve(state, command)
    case 'ReceiveStock':
      return accepted([{ type: 'StockReceived', quantity: command.quantity }])
    case 'ReleaseStock':
      return accepted([{ type: 'StockReleased', orderId: command.orderId, quantity: command.quantity }])
    case 'ReadStock':
      return { outcome: 'answered' }
    case 'ChangeOrder':
    case 'RemoveOrder':
    case 'ReadOrder':
      throw new TypeError(`${command.type} was sent to a stock`)
  }
}

function decideOrder(state: OrderState, command: Command): Decision {
  switch (command.type) {
    case 'PlaceOrder':
      return place(state, command)
    case 'ChangeOrder':
      return withOrder(state, command, (order) => change(order, command))
    case 'RemoveOrder':
      return withOrder(state, command, (order) =>
        accepted(
          [{ type: 'OrderRemoved' }],
          isHolding(order) ? releases(order.id, limitedUnits(order.items), command) : [],
        ),
      )
    case 'ReadOrder':
      return withOrder(state, command, () => ({ outcome: 'answered' }))
    case 'ReceiveStock':
    case 'ReleaseStock':
    case 'ReadStock':
      throw new TypeError(`${command.type} was sent to an order`)
  }
}

function accepted(facts: readonly Fact[], commands: readonly Command[] = []): Decision {
  return { outcome: 'accepted', facts, commands }
}

function refused(refusal: Refusal, commands: readonly Command[] = []): Decision {
  return { outcome: 'refused', refusal, commands }
}

/** One stop on the way of an order of limited goods. Whoever comes first gets the last unit, and never two. */
function reserve(state: StockState, command: PlaceOrder): Decision {
  const [wanted, ...visits] = command.visits
  if (wanted === undefined) throw new TypeError('an order was sent to a stock that it does not visit')
  if (command.repeated) return { outcome: 'forwarded', facts: [], commands: [{ ...command, visits }] }
  const { orderId } = command
  if (availableUnits(state) < wanted.quantity) {
    return refused(
      { code: 'stock-short', sku: wanted.sku, availableUnits: availableUnits(state) },
      releases(orderId, command.reserved, command),
    )
  }
  return {
    outcome: 'forwarded',
    facts: [{ type: 'StockReserved', orderId, quantity: wanted.quantity }],
    commands: [{ ...command, visits, reserved: [...command.reserved, wanted] }],
  }
}

function place(state: OrderState, command: PlaceOrder): Decision {
  const giveBack = releases(command.orderId, command.reserved, command)
  if (command.repeated) return refused({ code: 'forgotten' }, giveBack)
  if (state.kind !== 'no-order') return refused({ code: 'order-exists' }, giveBack)
  if (totalCentsOf(command.order.items) === undefined) return refused({ code: 'total-too-large' }, giveBack)
  return accepted([{ type: 'OrderPlaced', ...command.order }])
}

function withOrder(
  state: OrderState,
  command: CommandOf<'ChangeOrder' | 'RemoveOrder' | 'ReadOrder'>,
  decideOn: (order: OrderDocument) => Decision,
): Decision {
  if (state.kind === 'no-order') return refused({ code: 'order-unknown' })
  if (state.kind === 'removed-order') return refused({ code: 'order-deleted' })
  const revisions = 'revisions' in command ? command.revisions : undefined
  const { revision } = state.order
  if (revisions !== undefined && !revisions.includes(revision)) return refused({ code: 'revision-moved', revision })
  return decideOn(state.order)
}

function change(order: OrderDocument, command: CommandOf<'ChangeOrder'>): Decision {
  const { patch } = command
  const decision = decideChange(order, patch)
  switch (decision.outcome) {
    case 'illegal-move':
      return refused({ code: 'illegal-move', from: decision.from, to: decision.to })
    case 'items-locked':
      return refused({ code: 'items-locked', status: decision.status })
    case 'total-too-large':
      return refused({ code: 'total-too-large' })
    case 'allowed':
      // They were reserved when the order was placed, one stock after the other; a change would have to go that way again.
      if (patch.items !== undefined && !sameUnits(limitedUnits(patch.items), limitedUnits(order.items))) {
        return refused({ code: 'limited-items-fixed' })
      }
      return accepted(
        factsOf(order, patch),
        patch.status === 'cancelled' ? releases(order.id, limitedUnits(patch.items ?? order.items), command) : [],
      )
  }
}

function sameUnits(some: readonly Reservation[], others: readonly Reservation[]): boolean {
  return JSON.stringify(some) === JSON.stringify(others)
}

/** Whether its limited goods are still on the shelf for it: cancelled, they are others' again; shipped, they are gone. */
function isHolding({ status }: OrderDocument): boolean {
  return status === 'placed' || status === 'paid'
}

/** A patch says what the order is to be; these say what was done to it. */
function factsOf(order: OrderDocument, patch: OrderPatch): readonly Fact[] {
  return [
    ...(patch.customerName === undefined
      ? []
      : [{ type: 'CustomerNameCorrected' as const, customerName: patch.customerName }]),
    ...(patch.note === undefined ? [] : [{ type: 'NoteChanged' as const, note: patch.note }]),
    ...(patch.items === undefined ? [] : itemFacts(order.items, patch.items)),
    ...(patch.status === undefined ? [] : factsOfMove(patch.status)),
  ]
}

function factsOfMove(status: OrderStatus): readonly Fact[] {
  switch (status) {
    case 'placed':
      // Where every order begins; lifecycle.ts lets none go back there.
      return []
    case 'paid':
      return [{ type: 'OrderPaid' }]
    case 'shipped':
      return [{ type: 'OrderShipped' }]
    case 'delivered':
      return [{ type: 'OrderDelivered' }]
    case 'cancelled':
      return [{ type: 'OrderCancelled' }]
  }
}

/** Removals from the back, then additions from the front, so that each line means the same when the facts are replayed. */
export function itemFacts(before: readonly OrderItem[], after: readonly OrderItem[]): readonly Fact[] {
  const removed: Fact[] = []
  const keptLines = new Set<number>()
  let from = 0
  before.forEach((item, line) => {
    const found = after.findIndex((candidate, position) => position >= from && isSameItem(candidate, item))
    if (found === -1) {
      removed.unshift({ type: 'ItemRemoved', line, item })
    } else {
      keptLines.add(found)
      from = found + 1
    }
  })
  const added = after.flatMap((item, line): readonly Fact[] =>
    keptLines.has(line) ? [] : [{ type: 'ItemAdded', line, item }],
  )
  return [...removed, ...added]
}

function isSameItem(a: OrderItem, b: OrderItem): boolean {
  return (
    a.sku === b.sku &&
    a.description === b.description &&
    a.quantity === b.quantity &&
    a.unitPriceCents === b.unitPriceCents
  )
}

/** Their ids follow from the command's, so that whoever decides it again sends the same ones. */
function releases(orderId: string, reserved: readonly Reservation[], because: Command): readonly Command[] {
  return reserved.map(({ sku, quantity }) => ({
    version: commandVersion,
    type: 'ReleaseStock',
    id: uuidV5(`release ${sku}`, because.id),
    sku,
    orderId,
    quantity,
    actor: because.actor,
    reason: because.reason,
    issuedAt: because.issuedAt,
  }))
}
