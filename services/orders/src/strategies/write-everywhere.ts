/** What the variants of dual writes share: the three writes that follow a commit, and how several of them are arranged. */
import {
  derivedStores,
  type DerivedStore,
  type DerivedStoreName,
  type DerivedStores,
} from '../derived-stores/derived-store.ts'
import { PartialWrite, type SystemOfRecord, type WriteStrategy } from './strategy.ts'

/** A write to one store, whichever that is. */
export type Write<Store = DerivedStore> = (store: Store, name: DerivedStoreName) => Promise<unknown>

/** Commits to the system of record, then lets `everywhere` bring the row to the derived stores. */
export function writeAfterCommit(orders: SystemOfRecord, everywhere: (write: Write) => Promise<void>): WriteStrategy {
  return {
    async create(command) {
      const { outcome, row } = await orders.create(command)
      if (outcome === 'created') await everywhere((store) => store.put(row))
      return row
    },

    async update(id, decide) {
      const row = await orders.update(id, decide)
      await everywhere((store) => store.put(row))
      return row
    },

    async remove(id, guard) {
      const row = await orders.remove(id, guard)
      await everywhere((store) => store.remove(row))
    },
  }
}

/**
 * One store after the other. `written`: those that have the write already.
 *
 * @throws {PartialWrite} at the first that fails; those behind it are left out.
 */
export async function inTurn(stores: DerivedStores, write: Write, written: readonly string[]): Promise<void> {
  const done = [...written]
  for (const name of derivedStores) {
    try {
      await write(stores[name], name)
    } catch (cause) {
      throw new PartialWrite(name, done, cause)
    }
    done.push(name)
  }
}
