/**
 * Dual writes: write the system of record, then every other store, one after the other.
 *
 * This is the code that most systems have, and it is here to be seen failing. Between two awaits another instance
 * writes the same order, so the stores can end with different winners; a store that fails leaves the ones before it
 * written. Nothing in here provokes that: no sleep, no retry, no odd order, only the awaits.
 */
import type { DerivedStores } from '../derived-stores/derived-store.ts'
import type { SystemOfRecord, WriteStrategy } from './strategy.ts'
import { inTurn, writeAfterCommit } from './write-everywhere.ts'

/**
 * How long after its commit a dual write may still be on its way to another store, in milliseconds: three stores with
 * 2 s of patience for each, and room for a busy machine. The auditor waits this long before it trusts a difference.
 */
export const IN_FLIGHT_MAX_MS = 10_000

export function dualWriteStrategy(orders: SystemOfRecord, stores: DerivedStores): WriteStrategy {
  return writeAfterCommit(orders, (write) => inTurn(stores, write, ['postgresql']))
}
