/** What a client is told when a rule of the business refuses its request, whoever decided so. */
import { movesFrom, orderStatuses, type OrderStatus } from '@driftlab/order'
import { Problem } from './problem.ts'

export function revisionMoved(revision: number): Problem {
  return new Problem('revision-moved', `The order is at revision ${revision} by now. Read it again and decide anew.`)
}

export function illegalMove(from: string, to: string): Problem {
  const moves = isStatus(from) ? movesFrom(from) : []
  const allowed = moves.length === 0 ? 'it stays there' : `it can become ${moves.join(' or ')}`
  return new Problem('illegal-move', `The order is ${from} and cannot become ${to}: ${allowed}.`)
}

export function itemsLocked(status: string): Problem {
  return new Problem('items-locked', `The order is ${status}; items change only while it is placed.`)
}

export function totalTooLarge(): Problem {
  return new Problem('invalid-request', 'The total of the items is too large.', {
    extensions: {
      errors: [{ pointer: '/items', detail: `the total must not exceed ${Number.MAX_SAFE_INTEGER} cents` }],
    },
  })
}

export function idempotencyKeyReused(): Problem {
  return new Problem(
    'idempotency-key-reused',
    'This Idempotency-Key came with another body before. Send the same body again, or a new key.',
  )
}

function isStatus(text: string): text is OrderStatus {
  return orderStatuses.some((status) => status === text)
}
