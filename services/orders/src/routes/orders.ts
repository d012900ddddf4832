/**
 * The five routes of an order. They turn HTTP into calls of the write strategy and of the repository, and know nothing
 * of how a write reaches the stores.
 */
import { toDocument, type OrderRow } from '@driftlab/order'
import type { Request, RequestHandler, Response } from 'express'
import { v7 as uuidV7 } from 'uuid'
import { decodeCursor, encodeCursor, parseOrderId } from '../cursor.ts'
import { decideChange, movesFrom, type OrderChange, type OrderPatch } from '../domain/order-lifecycle.ts'
import { totalCentsOf } from '../domain/totals.ts'
import { fingerprintOf } from '../fingerprint.ts'
import { entityTag, matches, parseIfMatch, type IfMatch } from '../preconditions.ts'
import { invalidRequest, Problem } from '../problem.ts'
import { IdempotencyKeyReused, type Idempotency, type OrdersRepository } from '../repository.ts'
import { idempotencyKeySchema, newOrderSchema, orderPatchSchema, pageQuerySchema, type NewOrder } from '../schemas.ts'
import type { WriteStrategy } from '../strategies/strategy.ts'

export interface OrderRoutes {
  readonly create: RequestHandler
  readonly list: RequestHandler
  readonly read: RequestHandler
  readonly update: RequestHandler
  readonly remove: RequestHandler
}

export function orderRoutes(orders: OrdersRepository, strategy: WriteStrategy): OrderRoutes {
  return {
    async create(request, response) {
      const parsed = newOrderSchema.safeParse(request.body)
      if (!parsed.success) throw invalidRequest(parsed.error, 'body')
      const command = {
        ...parsed.data,
        id: uuidV7(),
        totalCents: requireTotal(parsed.data),
        idempotency: readIdempotency(request, parsed.data),
      }
      try {
        const row = await strategy.create(command)
        response.status(201).location(`/orders/${row.id}`)
        sendOrder(response, row)
      } catch (error) {
        if (!(error instanceof IdempotencyKeyReused)) throw error
        throw new Problem(
          'idempotency-key-reused',
          'This Idempotency-Key came with another body before. Send the same body again, or a new key.',
        )
      }
    },

    async list(request, response) {
      const query = pageQuerySchema.safeParse(request.query)
      if (!query.success) throw invalidRequest(query.error, 'query')
      const { cursor, limit } = query.data
      const after = cursor === undefined ? undefined : decodeCursor(cursor)
      if (cursor !== undefined && after === undefined) {
        throw new Problem(
          'invalid-cursor',
          'Take `nextCursor` from the page before as it is, or leave it out to begin.',
        )
      }
      // One more than asked for tells whether there is a next page.
      const rows = await orders.list(after, limit + 1)
      const page = rows.slice(0, limit)
      const last = page.at(-1)
      response.json({
        orders: page.map(toDocument),
        nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last.id) : null,
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
      const row = await strategy.update(id, (current) => {
        requireMatch(condition, current)
        return requireAllowed(current, patch.data)
      })
      sendOrder(response, row)
    },

    async remove(request, response) {
      const condition = readIfMatch(request)
      await strategy.remove(readId(request), (current) => {
        requireMatch(condition, current)
      })
      response.status(204).end()
    },
  }
}

function sendOrder(response: Response, row: OrderRow): void {
  response.set('ETag', entityTag(row.revision)).json(toDocument(row))
}

/** An id of another form than ours belongs to no order: the same answer as for one that is unknown. */
function readId(request: Request): string {
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

function requireTotal(order: NewOrder): number {
  const totalCents = totalCentsOf(order.items)
  if (totalCents === undefined) throw totalTooLarge()
  return totalCents
}

function requireMatch(condition: IfMatch, current: OrderRow): void {
  if (matches(condition, current.revision)) return
  throw new Problem(
    'revision-moved',
    `The order is at revision ${current.revision} by now. Read it again and decide anew.`,
  )
}

function requireAllowed(current: OrderRow, patch: OrderPatch): OrderChange {
  const decision = decideChange(current, patch)
  switch (decision.outcome) {
    case 'allowed':
      return decision.change
    case 'illegal-move': {
      const moves = movesFrom(decision.from)
      const allowed = moves.length === 0 ? 'it stays there' : `it can become ${moves.join(' or ')}`
      throw new Problem('illegal-move', `The order is ${decision.from} and cannot become ${decision.to}: ${allowed}.`)
    }
    case 'items-locked':
      throw new Problem('items-locked', `The order is ${decision.status}; items change only while it is placed.`)
    case 'total-too-large':
      throw totalTooLarge()
  }
}

function totalTooLarge(): Problem {
  return new Problem('invalid-request', 'The total of the items is too large.', {
    extensions: {
      errors: [{ pointer: '/items', detail: `the total must not exceed ${Number.MAX_SAFE_INTEGER} cents` }],
    },
  })
}
