/** Orders in PostgreSQL, written by one of the strategies: each write is decided while the row's lock is held. */
import { decideChange, totalCentsOf, type OrderChange, type OrderPatch, type OrderRow } from '@driftlab/order'
import { v7 as uuidV7 } from 'uuid'
import type { Orders } from './orders.ts'
import { matches, type IfMatch } from './preconditions.ts'
import { idempotencyKeyReused, illegalMove, itemsLocked, revisionMoved, totalTooLarge } from './refusals.ts'
import { IdempotencyKeyReused, type OrdersRepository } from './repository.ts'
import type { WriteStrategy } from './strategies/strategy.ts'

export function transactionalOrders(repository: OrdersRepository, strategy: WriteStrategy): Orders {
  return {
    async place(order, idempotency) {
      const totalCents = totalCentsOf(order.items)
      if (totalCents === undefined) throw totalTooLarge()
      try {
        return await strategy.create({ ...order, id: uuidV7(), totalCents, idempotency })
      } catch (error) {
        throw error instanceof IdempotencyKeyReused ? idempotencyKeyReused() : error
      }
    },

    async change(id, patch, condition) {
      return await strategy.update(id, (current) => {
        requireMatch(condition, current)
        return requireAllowed(current, patch)
      })
    },

    async remove(id, condition) {
      await strategy.remove(id, (current) => {
        requireMatch(condition, current)
      })
      return undefined
    },

    find: (id) => repository.find(id),
    list: (after, limit) => repository.list(after, limit),
  }
}

function requireMatch(condition: IfMatch, current: OrderRow): void {
  if (!matches(condition, current.revision)) throw revisionMoved(current.revision)
}

function requireAllowed(current: OrderRow, patch: OrderPatch): OrderChange {
  const decision = decideChange(current, patch)
  switch (decision.outcome) {
    case 'allowed':
      return decision.change
    case 'illegal-move':
      throw illegalMove(decision.from, decision.to)
    case 'items-locked':
      throw itemsLocked(decision.status)
    case 'total-too-large':
      throw totalTooLarge()
  }
}
