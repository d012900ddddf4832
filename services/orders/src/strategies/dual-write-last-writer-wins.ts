/**
 * Dual writes with the time as their version: the usual repair for the race. Every store keeps the write with the
 * latest time, so all of them agree on a winner, whatever order the writes arrive in.
 *
 * They need not agree with the system of record: the time is read after the commit, and whoever committed first may
 * read the clock last; nor do two machines' clocks agree. A store that fails is as behind as it always was.
 */
import { preciseNowMs } from '../clock.ts'
import { perStore, type DerivedStores, type VersionedStores } from '../derived-stores/derived-store.ts'
import type { SystemOfRecord, WriteStrategy } from './strategy.ts'
import { inTurn, writeAfterCommit } from './write-everywhere.ts'

/** `now` gives whole numbers that only rise with time: microseconds since 1970. */
export function lastWriterWinsDualWriteStrategy(
  orders: SystemOfRecord,
  stores: VersionedStores,
  now: () => number = microsecondsNow,
): WriteStrategy {
  return writeAfterCommit(orders, (write) => inTurn(stampedStores(stores, now()), write, ['postgresql']))
}

function stampedStores(stores: VersionedStores, stamp: number): DerivedStores {
  return perStore((name) => ({
    put: (row) => stores[name].put(row, stamp),
    remove: (row) => stores[name].remove(row, stamp),
  }))
}

function microsecondsNow(): number {
  return Math.floor(preciseNowMs() * 1_000)
}
