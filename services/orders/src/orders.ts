/**
 * What the routes ask of the orders of a lane, whichever way they are written. transactional-orders.ts has them in
 * PostgreSQL, event-sourcing/ in the log.
 */
import type { OrderItem, OrderPatch, OrderRow } from '@driftlab/order'
import type { IfMatch } from './preconditions.ts'
import type { Idempotency } from './repository.ts'

export interface OrderToPlace {
  readonly customerId: string
  readonly customerName: string
  readonly items: readonly OrderItem[]
  readonly note: string
  readonly currency: string
}

/** Who asks for something, and why, in their own words. Only a log of events keeps it. */
export interface Cause {
  readonly actor: string
  readonly reason: string | null
}

/** It was asked for, and nobody has decided yet: it may still be done or refused. */
export class Undecided {
  readonly orderId: string
  readonly commandId: string

  constructor(orderId: string, commandId: string) {
    this.orderId = orderId
    this.commandId = commandId
  }
}

export interface Orders {
  /** A repeated idempotency key gives the first answer again. @throws {Problem} when it is refused. */
  place(order: OrderToPlace, idempotency: Idempotency | undefined, cause: Cause): Promise<OrderRow | Undecided>
  /** @throws {OrderMissing}; {Problem} when it is refused. */
  change(id: string, patch: OrderPatch, condition: IfMatch, cause: Cause): Promise<OrderRow | Undecided>
  /** @throws {OrderMissing}; {Problem} when it is refused. */
  remove(id: string, condition: IfMatch, cause: Cause): Promise<Undecided | undefined>
  /** @throws {OrderMissing} */
  find(id: string): Promise<OrderRow>
  /** Up to `limit` orders with ids after `after`, in the order of their ids. */
  list(after: string | undefined, limit: number): Promise<readonly OrderRow[]>
}
