/**
 * Dual writes, all stores at once: the usual repair for the time that one after the other takes.
 *
 * The window between two writers is as long as the slowest store instead of the sum of all; it does not close. A store
 * that fails no longer keeps the others from being written.
 */
import { derivedStores, type DerivedStores } from '../derived-stores/derived-store.ts'
import { PartialWrite, type SystemOfRecord, type WriteStrategy } from './strategy.ts'
import { writeAfterCommit } from './write-everywhere.ts'

export function parallelDualWriteStrategy(orders: SystemOfRecord, stores: DerivedStores): WriteStrategy {
  return writeAfterCommit(orders, async (write) => {
    const outcomes = await Promise.allSettled(derivedStores.map((name) => write(stores[name], name)))
    const written = derivedStores.filter((_, index) => outcomes[index]?.status === 'fulfilled')
    for (const [index, name] of derivedStores.entries()) {
      const outcome = outcomes[index]
      if (outcome?.status === 'rejected') throw new PartialWrite(name, ['postgresql', ...written], outcome.reason)
    }
  })
}
