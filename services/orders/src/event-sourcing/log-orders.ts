/**
 * Event sourcing: a request becomes a command in the log, a processor decides it there, and its outcome is the answer.
 *
 * This side writes no store and decides nothing. A question travels like a command, so its answer has seen every write
 * that was answered before it was asked. Only the list is read from the search index, which follows a moment later.
 */
import { parseOrderRow, toRow, type OrderRow } from '@driftlab/order'
import { isLogFailure, type LogProducer } from '@driftlab/kafka'
import {
  commandVersion,
  encodeCommand,
  limitedUnits,
  type Command,
  type Outcome,
  type Refusal,
  type StockState,
  type Subject,
} from '@driftlab/order-events'
import { v5 as uuidV5, v7 as uuidV7 } from 'uuid'
import { Undecided, type Cause, type Orders } from '../orders.ts'
import { entityTag, type IfMatch } from '../preconditions.ts'
import { Problem } from '../problem.ts'
import { idempotencyKeyReused, illegalMove, itemsLocked, revisionMoved, totalTooLarge } from '../refusals.ts'
import { OrderMissing } from '../repository.ts'
import type { Outcomes } from './outcomes.ts'

export type Stock = Pick<StockState, 'receivedUnits' | 'reservedUnits'>

/** What only a log can be asked. */
export interface LogQuestions {
  /** What became of a command; `undefined` when this process has not heard of it. */
  outcome(commandId: string): Decided | undefined
  stock(sku: string): Promise<Stock>
  receive(sku: string, quantity: number, cause: Cause): Promise<Stock>
}

export type Decided =
  | { readonly status: 'accepted'; readonly order: OrderRow }
  | { readonly status: 'refused'; readonly problem: Problem | OrderMissing }

export interface LogOrdersOptions {
  readonly lane: string
  readonly commandTopic: string
  readonly producer: LogProducer
  readonly outcomes: Outcomes
  readonly list: Orders['list']
  /** How long a client waits before it is told where to look. */
  readonly answerTimeoutMs: number
}

/** So that a key means the same command in every process of a lane, and another one in another lane. */
const idempotencyNamespace = '5b0d1f39-6f1c-5c0f-9d53-2a1e6f6f7a10'

export function logOrders(options: LogOrdersOptions): Orders & LogQuestions {
  const { lane, commandTopic, producer, outcomes, list, answerTimeoutMs } = options

  const send = async (command: Command): Promise<Outcome | undefined> => {
    const fingerprint = command.type === 'PlaceOrder' ? command.fingerprint : null
    const outcome = outcomes.waitFor({ commandId: command.id, fingerprint }, answerTimeoutMs)
    try {
      await producer.publish(commandTopic, [encodeCommand(command)])
    } catch (error) {
      if (!isLogFailure(error)) throw error
      throw unavailable(
        'A write may or may not have happened: repeat it with its Idempotency-Key, or read first.',
        error,
      )
    }
    return await outcome
  }

  const ask = async (command: Command, orderId = ''): Promise<Subject> => {
    const outcome = await send(command)
    if (outcome === undefined) throw unavailable('No processor has answered in time.')
    const decided = subjectOrProblem(outcome, orderId)
    if (isFailure(decided)) throw decided
    return decided
  }

  const write = async (command: Command, orderId: string): Promise<OrderRow | Undecided> => {
    const outcome = await send(command)
    if (outcome === undefined) return new Undecided(orderId, command.id)
    const decided = subjectOrProblem(outcome, orderId)
    if (isFailure(decided)) throw decided
    return rowOf(decided)
  }

  return {
    place: async ({ customerId, customerName, items, note, currency }, idempotency, cause) => {
      const named = idempotency === undefined ? undefined : uuidV5(`${lane} ${idempotency.key}`, idempotencyNamespace)
      const orderId = named ?? uuidV7()
      const command: Command = {
        ...circumstances(cause),
        id: uuidV5('place', orderId),
        type: 'PlaceOrder',
        orderId,
        order: { customerId, customerName, items: [...items], note, currency },
        fingerprint: idempotency?.fingerprint ?? null,
        visits: [...limitedUnits(items)],
        reserved: [],
        repeated: false,
      }
      return await write(command, orderId)
    },

    change: (id, patch, condition, cause) =>
      write(
        {
          ...circumstances(cause),
          type: 'ChangeOrder',
          orderId: id,
          patch: { ...patch, items: patch.items === undefined ? undefined : [...patch.items] },
          revisions: revisionsOf(condition),
        },
        id,
      ),

    remove: async (id, condition, cause) => {
      const removed = await write(
        { ...circumstances(cause), type: 'RemoveOrder', orderId: id, revisions: revisionsOf(condition) },
        id,
      )
      return removed instanceof Undecided ? removed : undefined
    },

    find: async (id) => rowOf(await ask({ ...circumstances(question), type: 'ReadOrder', orderId: id }, id)),
    list,

    outcome: (commandId) => {
      const outcome = outcomes.find(commandId)
      if (outcome === undefined) return undefined
      const decided = subjectOrProblem(outcome, outcome.key ?? '')
      return isFailure(decided)
        ? { status: 'refused', problem: decided }
        : { status: 'accepted', order: rowOf(decided) }
    },

    stock: async (sku) => stockOf(await ask({ ...circumstances(question), type: 'ReadStock', sku })),
    receive: async (sku, quantity, cause) =>
      stockOf(await ask({ ...circumstances(cause), type: 'ReceiveStock', sku, quantity })),
  }
}

const question: Cause = { actor: 'orders', reason: null }

function circumstances({ actor, reason }: Cause) {
  return { version: commandVersion, id: uuidV7(), actor, reason, issuedAt: new Date().toISOString() } as const
}

/** The revisions that an If-Match lets pass; undefined for all. */
function revisionsOf(condition: IfMatch): number[] | undefined {
  if (condition.kind !== 'one-of') return undefined
  return condition.tags.flatMap((tag) => {
    const revision = Number(tag.slice(1, -1))
    return Number.isSafeInteger(revision) && entityTag(revision) === tag ? [revision] : []
  })
}

type Failure = Problem | OrderMissing

function isFailure(decided: Subject | Failure): decided is Failure {
  return decided instanceof Problem || decided instanceof OrderMissing
}

function subjectOrProblem({ result }: Outcome, orderId: string): Subject | Failure {
  switch (result.status) {
    case 'accepted':
    case 'answered':
      return result.subject
    case 'refused':
      return failureOf(result.refusal, orderId)
    case 'parked':
    case 'forwarded':
      return new Problem('internal', 'The command could not be read, and was set aside.', { cause: result })
  }
}

function failureOf(refusal: Refusal, orderId: string): Failure {
  switch (refusal.code) {
    case 'order-unknown':
      return new OrderMissing(orderId, 'unknown')
    case 'order-deleted':
      return new OrderMissing(orderId, 'deleted')
    case 'revision-moved':
      return revisionMoved(refusal.revision)
    case 'illegal-move':
      return illegalMove(refusal.from, refusal.to)
    case 'items-locked':
      return itemsLocked(refusal.status)
    case 'total-too-large':
      return totalTooLarge()
    case 'limited-items-fixed':
      return new Problem('limited-items-fixed', 'Cancel the order and place another one, which then gets what is left.')
    case 'stock-short':
      return new Problem('stock-short', `Of ${refusal.sku}, ${refusal.availableUnits} are left; nothing was reserved.`)
    // Of the last two: of the first request with this key nothing is remembered but that it was there.
    case 'idempotency-key-reused':
    case 'order-exists':
    case 'forgotten':
      return idempotencyKeyReused()
  }
}

function rowOf(subject: Subject): OrderRow {
  if (subject.kind === 'stock') throw new TypeError('a command to an order was answered with a stock')
  return parseOrderRow(toRow(subject.order))
}

function stockOf(subject: Subject): Stock {
  if (subject.kind !== 'stock') throw new TypeError('a command to a stock was answered with an order')
  return subject
}

function unavailable(detail: string, cause?: unknown): Problem {
  return new Problem('log-unavailable', `Try again later. ${detail}`, { headers: { 'Retry-After': '1' }, cause })
}
