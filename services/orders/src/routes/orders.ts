/**
 * The five routes of an order. They turn HTTP into questions to the orders of the lane, and know nothing of how a write
 * reaches the stores.
 */
import { invalidRequest, readCursor } from '@driftlab/http-api'
import { parseOrderId, toDocument, type OrderRow } from '@driftlab/order'
import type { Request, RequestHandler, Response } from 'express'
import { cursors } from '../cursor.ts'
import { fingerprintOf } from '../fingerprint.ts'
import { Undecided, type Cause, type Orders } from '../orders.ts'
import { entityTag, parseIfMatch, type IfMatch } from '../preconditions.ts'
import { Problem } from '../problem.ts'
import type { Idempotency } from '../repository.ts'
import {
  causeSchema,
  idempotencyKeySchema,
  newOrderSchema,
  orderPatchSchema,
  pageQuerySchema,
  type NewOrder,
} from '../schemas.ts'

export interface OrderRoutes {
  readonly create: RequestHandler
  readonly list: RequestHandler
  readonly read: RequestHandler
  readonly update: RequestHandler
  readonly remove: RequestHandler
}

export function orderRoutes(orders: Orders): OrderRoutes {
  return {
    async create(request, response) {
      const parsed = newOrderSchema.safeParse(request.body)
      if (!parsed.success) throw invalidRequest(parsed.error, 'body')
      const placed = await orders.place(parsed.data, readIdempotency(request, parsed.data), readCause(request))
      if (placed instanceof Undecided) {
        sendUndecided(response, placed)
        return
      }
      response.status(201).location(`/orders/${placed.id}`)
      sendOrder(response, placed)
    },

    async list(request, response) {
      const query = pageQuerySchema.safeParse(request.query)
      if (!query.success) throw invalidRequest(query.error, 'query')
      const { cursor, limit } = query.data
      const [after] = readCursor(cursors, cursor) ?? []
      // One more than asked for tells whether there is a next page.
      const rows = await orders.list(after, limit + 1)
      const page = rows.slice(0, limit)
      const last = page.at(-1)
      response.json({
        orders: page.map(toDocument),
        nextCursor: rows.length > limit && last !== undefined ? cursors.encode([last.id]) : null,
      })
    },

    async read(request, response) {
      sendOrder(response, await orders.find(readId(request)))
    },

    async update(request, response) {
      const id = readId(request)
      const condition = readIfMatch(request)
      const patch = orderPatchSchema.safeParse(request.body)
      if (!patch.success) throw invalidRequest(patch.error, 'body')
      const changed = await orders.change(id, patch.data, condition, readCause(request))
      if (changed instanceof Undecided) sendUndecided(response, changed)
      else sendOrder(response, changed)
    },

    async remove(request, response) {
      const condition = readIfMatch(request)
      const undecided = await orders.remove(readId(request), condition, readCause(request))
      if (undecided === undefined) response.status(204).end()
      else sendUndecided(response, undecided)
    },
  }
}

/** The write may still happen or be refused: where to ask for it. */
export function sendUndecided(response: Response, { orderId, commandId }: Undecided): void {
  response
    .status(202)
    .location(`/orders/${orderId}/commands/${commandId}`)
    .json({ commandId, orderId, status: 'undecided' })
}

function sendOrder(response: Response, row: OrderRow): void {
  response.set('ETag', entityTag(row.revision)).json(toDocument(row))
}

/** An id of another form than ours belongs to no order: the same answer as for one that is unknown. */
export function readId(request: Request): string {
  const text = String(request.params['id'])
  const id = parseOrderId(text)
  if (id === undefined) throw new Problem('order-unknown', 'An order id is a UUID; this is none.')
  return id
}

function readIfMatch(request: Request): IfMatch {
  const condition = parseIfMatch(request.get('If-Match'))
  if (condition !== undefined) return condition
  throw new Problem('invalid-request', 'If-Match must be an ETag of this order, quotes included, or *.', {
    extensions: { errors: [{ header: 'If-Match', detail: 'is neither entity tags nor *' }] },
  })
}

function readIdempotency(request: Request, order: NewOrder): Idempotency | undefined {
  const header = request.get('Idempotency-Key')
  if (header === undefined) return undefined
  const key = idempotencyKeySchema.safeParse(header)
  if (!key.success) throw invalidRequest(key.error, { header: 'Idempotency-Key' })
  return { key: key.data, fingerprint: fingerprintOf(order) }
}

/** Who asks, and why: what a log of events keeps beside what happened. */
export function readCause(request: Request): Cause {
  const cause = causeSchema.safeParse({ actor: request.get('Driftlab-Actor'), reason: request.get('Driftlab-Reason') })
  if (cause.success) return { actor: cause.data.actor ?? 'customer', reason: cause.data.reason ?? null }
  const [issue] = cause.error.issues
  throw invalidRequest(cause.error, { header: issue?.path[0] === 'actor' ? 'Driftlab-Actor' : 'Driftlab-Reason' })
}
