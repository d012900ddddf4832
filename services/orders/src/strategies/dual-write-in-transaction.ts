/**
 * Dual writes inside the open transaction: the usual repair for both the race and the failure.
 *
 * The row's lock is held until every store has acknowledged, so two writers of one order take turns and cannot pass
 * each other: the race is gone. When a store fails, the transaction is rolled back, and now the other stores have what
 * the system of record never had; the same when the commit itself fails, or the process dies before it. And every
 * writer holds a connection and a lock for as long as the slowest store takes.
 */
import type { DerivedStores } from '../derived-stores/derived-store.ts'
import type { SystemOfRecord, WriteStrategy } from './strategy.ts'
import { inTurn } from './write-everywhere.ts'

export function inTransactionDualWriteStrategy(orders: SystemOfRecord, stores: DerivedStores): WriteStrategy {
  return {
    async create(command) {
      const { row } = await orders.create(command, (created) => inTurn(stores, (store) => store.put(created), []))
      return row
    },

    async update(id, decide) {
      return await orders.update(id, decide, (updated) => inTurn(stores, (store) => store.put(updated), []))
    },

    async remove(id, guard) {
      await orders.remove(id, guard, (removed) => inTurn(stores, (store) => store.remove(removed), []))
    },
  }
}
