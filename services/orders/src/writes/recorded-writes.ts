/**
 * Remembers how the newest writes reached the stores: which store was written when, and what it answered. From this a
 * page can draw how two of them overtook each other.
 *
 * Invariant: it only watches. The promises that a strategy awaits are the very ones that the stores gave, so recording
 * adds no await, no order and no delay to a write: the lane drifts exactly as it would without.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { recentHistory } from '@driftlab/history'
import type { OrderRow } from '@driftlab/order'
import { preciseNowMs } from '../clock.ts'
import { perStore, type DerivedStoreName, type PerStore } from '../derived-stores/derived-store.ts'
import { DatabaseError } from '../repository.ts'
import type { SystemOfRecord, WriteStrategy } from '../strategies/strategy.ts'

export interface StoreWrite {
  readonly store: 'postgresql' | DerivedStoreName
  /** Milliseconds since 1970, with fractions, by this process's clock. */
  readonly beganMs: number
  /** Null while there is no answer. */
  readonly endedMs: number | null
  /** `failed`: there was an error or no answer in time; the store may have the write all the same. */
  readonly outcome: 'pending' | 'acknowledged' | 'failed'
  readonly error: string | null
}

/** One request. */
export interface RecordedWrite {
  /** Unique among all processes. */
  readonly id: string
  readonly operation: 'create' | 'update' | 'remove'
  /** Of the row that it wrote, or for a removal of the row that it removed; null when PostgreSQL did not answer. */
  readonly revision: number | null
  /** In the order in which they began. A store that is not in here was never written. */
  readonly stores: readonly StoreWrite[]
}

export interface WriteRecorder {
  /** Milliseconds since 1970; of older writes it knows nothing. */
  readonly sinceMs: number
  /** Oldest first. */
  of(orderId: string): readonly RecordedWrite[]
  watchOrders(orders: SystemOfRecord): SystemOfRecord
  watchStores<Stamp extends readonly unknown[]>(stores: PerStore<Writable<Stamp>>): PerStore<Writable<Stamp>>
  /** What the strategy does on behalf of one request is one write. */
  watchStrategy(strategy: WriteStrategy): WriteStrategy
}

interface Writable<Stamp extends readonly unknown[]> {
  put(row: OrderRow, ...stamp: Stamp): Promise<unknown>
  remove(row: OrderRow, ...stamp: Stamp): Promise<unknown>
}

/** A write takes some 0.8 KB: 20 MB at the most. */
const bounds = { keysMax: 4_000, entriesMax: 6 }
const errorMax = 200

type Open<Recorded> = { -readonly [Field in keyof Recorded]: Recorded[Field] }
interface Current extends Omit<Open<RecordedWrite>, 'stores'> {
  readonly stores: Open<StoreWrite>[]
  isRemembered: boolean
}

export function writeRecorder(now: () => number = preciseNowMs): WriteRecorder {
  const sinceMs = now()
  const history = recentHistory<RecordedWrite>(bounds)
  const requests = new AsyncLocalStorage<Current>()
  let count = 0

  const asOne = <Result>(operation: RecordedWrite['operation'], work: () => Promise<Result>): Promise<Result> => {
    count += 1
    const id = `${process.pid}-${sinceMs.toString(36)}-${count}`
    return requests.run({ id, operation, revision: null, stores: [], isRemembered: false }, work)
  }

  /** A request that was refused wrote nothing, and is not remembered. */
  const remember = (orderId: string, write: Current): void => {
    if (write.isRemembered) return
    write.isRemembered = true
    history.record(orderId, write)
  }

  const follow = <Result>(
    store: StoreWrite['store'],
    begin: () => Promise<Result>,
    onEnd: (write: Current, result: { readonly ok: Result } | { readonly error: unknown }) => void = () => undefined,
  ): Promise<Result> => {
    const write = requests.getStore()
    if (write === undefined) return begin()
    const step: Open<StoreWrite> = { store, beganMs: now(), endedMs: null, outcome: 'pending', error: null }
    write.stores.push(step)
    const promise = begin()
    promise.then(
      (ok) => {
        step.endedMs = now()
        step.outcome = 'acknowledged'
        onEnd(write, { ok })
      },
      (error: unknown) => {
        step.endedMs = now()
        step.outcome = 'failed'
        step.error = (Error.isError(error) ? error.message : String(error)).slice(0, errorMax)
        onEnd(write, { error })
      },
    )
    return promise
  }

  const watchStore = <Stamp extends readonly unknown[]>(
    name: DerivedStoreName,
    store: Writable<Stamp>,
  ): Writable<Stamp> => {
    const watched =
      (method: 'put' | 'remove') =>
      (row: OrderRow, ...stamp: Stamp): Promise<unknown> => {
        const write = requests.getStore()
        if (write !== undefined) {
          write.revision = row.revision
          remember(row.id, write)
        }
        return follow(name, () => store[method](row, ...stamp))
      }
    return { put: watched('put'), remove: watched('remove') }
  }

  const followOrders = <Result>(
    orderId: string,
    begin: () => Promise<Result>,
    rowOf: (result: Result) => OrderRow | undefined,
  ): Promise<Result> =>
    follow('postgresql', begin, (write, result) => {
      if ('error' in result) {
        if (result.error instanceof DatabaseError) remember(orderId, write)
        return
      }
      const row = rowOf(result.ok)
      if (row === undefined) return
      write.revision = row.revision
      remember(row.id, write)
    })

  return {
    sinceMs,
    of: (orderId) => history.of(orderId),
    watchOrders: (orders) => ({
      create: (command, beforeCommit) =>
        followOrders(
          command.id,
          () => orders.create(command, beforeCommit),
          ({ outcome, row }) => (outcome === 'created' ? row : undefined),
        ),
      update: (id, decide, beforeCommit) =>
        followOrders(
          id,
          () => orders.update(id, decide, beforeCommit),
          (row) => row,
        ),
      remove: (id, guard, beforeCommit) =>
        followOrders(
          id,
          () => orders.remove(id, guard, beforeCommit),
          (row) => row,
        ),
    }),
    watchStores: (stores) => perStore((name) => watchStore(name, stores[name])),
    watchStrategy: (strategy) => ({
      create: (command) => asOne('create', () => strategy.create(command)),
      update: (id, decide) => asOne('update', () => strategy.update(id, decide)),
      remove: (id, guard) => asOne('remove', () => strategy.remove(id, guard)),
    }),
  }
}
