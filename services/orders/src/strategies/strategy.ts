/**
 * How a write reaches the stores. The routes call this and know nothing else; each strategy is one file beside this
 * one, short enough to read next to the others.
 */
import type { OrderRow } from '@driftlab/order'
import type { CreateOrder, DecideChange, GuardRemoval } from '../repository.ts'

export interface WriteStrategy {
  /** @returns the order as the answer says it; a repeated idempotency key gives the first answer again. */
  create(command: CreateOrder): Promise<OrderRow>
  /** @throws {OrderMissing} and whatever `decide` throws; then nothing was written. */
  update(id: string, decide: DecideChange): Promise<OrderRow>
  /** @throws {OrderMissing} and whatever `guard` throws; then nothing was written. */
  remove(id: string, guard: GuardRemoval): Promise<void>
}

export const derivedStores = ['redis', 'elasticsearch', 'clickhouse'] as const
export type DerivedStore = (typeof derivedStores)[number]

/** A write that is in some stores and not in others, and stays that way. */
export class PartialWrite extends Error {
  override readonly name = 'PartialWrite'
  readonly store: DerivedStore
  readonly written: readonly string[]

  constructor(store: DerivedStore, written: readonly string[], cause: unknown) {
    super(`the write to ${store} failed after ${written.join(', ')}`, { cause })
    this.store = store
    this.written = written
  }
}
