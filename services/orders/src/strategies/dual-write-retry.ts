/**
 * Dual writes, each one tried again with exponential backoff: the usual repair for a store that fails.
 *
 * A short outage passes unnoticed. A process that dies takes its retries with it, an outage longer than the patience
 * leaves what it always left, and a retry is a late write: it can arrive after another writer's newer one and undo it.
 */
import pRetry from 'p-retry'
import { perStore, type DerivedStore, type DerivedStores } from '../derived-stores/derived-store.ts'
import type { SystemOfRecord, WriteStrategy } from './strategy.ts'
import { inTurn, writeAfterCommit } from './write-everywhere.ts'

export interface RetryOptions {
  readonly retries: number
  readonly firstMs: number
  readonly capMs: number
}

/** 100, 200, 400, 800 ms, each up to twice that: some 3 s at most beside the attempts themselves. */
export const retryDefaults: RetryOptions = { retries: 4, firstMs: 100, capMs: 2_000 }

export function retryingDualWriteStrategy(
  orders: SystemOfRecord,
  stores: DerivedStores,
  options: RetryOptions = retryDefaults,
): WriteStrategy {
  const retrying = perStore((name) => retryingStore(stores[name], options))
  return writeAfterCommit(orders, (write) => inTurn(retrying, write, ['postgresql']))
}

function retryingStore(store: DerivedStore, { retries, firstMs, capMs }: RetryOptions): DerivedStore {
  // Random, so that the instances do not all knock on a recovering store at the same moment.
  const patiently = (write: () => Promise<unknown>): Promise<unknown> =>
    pRetry(write, { retries, minTimeout: firstMs, maxTimeout: capMs, randomize: true })
  return {
    put: (row) => patiently(() => store.put(row)),
    remove: (row) => patiently(() => store.remove(row)),
  }
}
