import { beforeEach, describe, expect, test } from '@jest/globals'
import type { OrderRow } from '@driftlab/order'
import { perStore, type DerivedStores } from '../derived-stores/derived-store.ts'
import { DatabaseError, OrderMissing, type CreateOrder } from '../repository.ts'
import { dualWriteStrategy } from '../strategies/dual-write.ts'
import { inTransactionDualWriteStrategy } from '../strategies/dual-write-in-transaction.ts'
import type { SystemOfRecord } from '../strategies/strategy.ts'
import { writeRecorder, type WriteRecorder } from './recorded-writes.ts'

const id = '01890a5d-ac96-774b-bcce-b302099a8057'
const row = (revision: number): OrderRow => ({
  id,
  customer_id: 'c',
  customer_name: 'n',
  items: [{ sku: 's', description: 'd', quantity: 1, unitPriceCents: 1 }],
  status: 'placed',
  note: '',
  total_cents: 1,
  currency: 'EUR',
  created_at: new Date(0),
  updated_at: new Date(0),
  revision,
})
const command: CreateOrder = {
  id,
  customerId: 'c',
  customerName: 'n',
  items: row(1).items,
  note: '',
  totalCents: 1,
  currency: 'EUR',
}
const unused = (): never => {
  throw new Error('not asked here')
}

let time: number
let recorder: WriteRecorder
let stores: DerivedStores
let orders: SystemOfRecord
let revision: number

beforeEach(() => {
  time = 100
  recorder = writeRecorder(() => (time += 1))
  revision = 0
  stores = perStore(() => ({ put: () => Promise.resolve(), remove: () => Promise.resolve() }))
  orders = {
    create: async (_command, beforeCommit) => {
      await beforeCommit?.(row(1), { execute: unused, prepare: unused })
      return { outcome: 'created', row: row((revision = 1)) }
    },
    update: async (_id, _decide, beforeCommit) => {
      await beforeCommit?.(row(revision + 1), { execute: unused, prepare: unused })
      return row((revision += 1))
    },
    remove: () => Promise.resolve(row(revision)),
  }
})

const dualWrites = () =>
  recorder.watchStrategy(dualWriteStrategy(recorder.watchOrders(orders), recorder.watchStores(stores)))
const told = () =>
  recorder
    .of(id)
    .map(({ operation, revision: written, stores: steps }) => [
      operation,
      written,
      ...steps.map(({ store, outcome }) => `${store} ${outcome}`),
    ])
const all = ['postgresql', 'redis', 'elasticsearch', 'clickhouse'].map((store) => `${store} acknowledged`)

describe('recorded writes', () => {
  test('say of each request which store was written when, in the order in which it happened', async () => {
    const strategy = dualWrites()
    await strategy.create(command)
    await strategy.update(id, unused)
    await strategy.remove(id, unused)
    expect(told()).toEqual([
      ['create', 1, ...all],
      ['update', 2, ...all],
      ['remove', 2, ...all],
    ])
    const times = recorder.of(id).flatMap((write) => write.stores.flatMap(({ beganMs, endedMs }) => [beganMs, endedMs]))
    expect(times).toEqual(Array.from({ length: 24 }, (_, index) => 102 + index))
    expect(new Set(recorder.of(id).map((write) => write.id)).size).toBe(3)
  })

  test('keep requests apart that are under way together', async () => {
    const strategy = dualWrites()
    await Promise.all([strategy.update(id, unused), strategy.update(id, unused)])
    expect(told()).toEqual([
      ['update', 1, ...all],
      ['update', 2, ...all],
    ])
  })

  test('tell where a write ended that failed, with the reason; the stores behind it are not in it', async () => {
    stores = { ...stores, elasticsearch: { put: () => Promise.reject(new Error('no answer')), remove: unused } }
    await expect(dualWrites().create(command)).rejects.toThrow('elasticsearch')
    expect(told()).toEqual([['create', 1, ...all.slice(0, 2), 'elasticsearch failed']])
    expect(recorder.of(id)[0]?.stores[2]?.error).toBe('no answer')
  })

  test('show a write that has no answer yet as pending', async () => {
    stores = { ...stores, redis: { put: () => new Promise(() => undefined), remove: unused } }
    void dualWrites().create(command)
    await new Promise((resolve) => setImmediate(resolve))
    expect(recorder.of(id)[0]?.stores).toEqual([
      expect.objectContaining({ store: 'postgresql', outcome: 'acknowledged' }),
      { store: 'redis', beganMs: 104, endedMs: null, outcome: 'pending', error: null },
    ])
  })

  test('are of requests that wrote something: none of a refusal, nor of a repeated key', async () => {
    const refused = new OrderMissing(id, 'unknown')
    orders = { ...orders, update: () => Promise.reject(refused) }
    orders = { ...orders, create: () => Promise.resolve({ outcome: 'repeated', row: row(1) }) }
    const strategy = dualWrites()
    await expect(strategy.update(id, unused)).rejects.toBe(refused)
    await strategy.create(command)
    expect(told()).toEqual([])
  })

  test('are of requests that PostgreSQL did not answer, too: it may have them', async () => {
    orders = { ...orders, update: () => Promise.reject(new DatabaseError('unavailable', new Error('cut'))) }
    await expect(dualWrites().update(id, unused)).rejects.toThrow(DatabaseError)
    expect(told()).toEqual([['update', null, 'postgresql failed']])
  })

  test('have the commit last where the stores are written inside the transaction', async () => {
    const strategy = recorder.watchStrategy(
      inTransactionDualWriteStrategy(recorder.watchOrders(orders), recorder.watchStores(stores)),
    )
    await strategy.update(id, unused)
    const [write] = recorder.of(id)
    const ends = write?.stores.map(({ store, endedMs }) => [endedMs, store] as const) ?? []
    expect(ends.toSorted(([one], [other]) => (one ?? 0) - (other ?? 0)).map(([, store]) => store)).toEqual([
      'redis',
      'elasticsearch',
      'clickhouse',
      'postgresql',
    ])
  })

  test('change nothing for the strategy: it awaits the very promise that the store gave', async () => {
    const promise = Promise.resolve('answer')
    stores = perStore(() => ({ put: () => promise, remove: () => promise }))
    const watched = recorder.watchStores(stores)
    const given: Promise<unknown>[] = []
    await recorder
      .watchStrategy({
        create: () => {
          given.push(watched.redis.put(row(1)))
          return Promise.resolve(row(1))
        },
        update: unused,
        remove: unused,
      })
      .create(command)
    expect(given[0]).toBe(promise)
    expect(told()).toEqual([['create', 1, 'redis acknowledged']])
  })
})
