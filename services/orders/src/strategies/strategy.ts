/**
 * How a write reaches the stores. The routes call this and know nothing else; each strategy is one file beside this
 * one, short enough to read next to the others.
 */
import type { OrderRow } from '@driftlab/order'
import type { DerivedStoreName } from '../derived-stores/derived-store.ts'
import type { CreateOrder, DecideChange, GuardRemoval, OrdersRepository } from '../repository.ts'

export interface WriteStrategy {
  /** @returns the order as the answer says it; a repeated idempotency key gives the first answer again. */
  create(command: CreateOrder): Promise<OrderRow>
  /** @throws {OrderMissing} and whatever `decide` throws; then nothing was written. */
  update(id: string, decide: DecideChange): Promise<OrderRow>
  /** @throws {OrderMissing} and whatever `guard` throws; then nothing was written. */
  remove(id: string, guard: GuardRemoval): Promise<void>
}

/** What a strategy needs of the system of record. */
export type SystemOfRecord = Pick<OrdersRepository, 'create' | 'update' | 'remove'>

/** A write that is in some stores and not in others, and stays that way. */
export class PartialWrite extends Error {
  override readonly name = 'PartialWrite'
  readonly store: DerivedStoreName
  readonly written: readonly string[]

  constructor(store: DerivedStoreName, written: readonly string[], cause: unknown) {
    super(`the write to ${store} failed; it is in ${written.length === 0 ? 'no store' : written.join(', ')}`, { cause })
    this.store = store
    this.written = written
  }
}
