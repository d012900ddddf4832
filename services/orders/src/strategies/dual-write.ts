/**
 * Dual writes: write the system of record, then every other store, one after the other.
 *
 * This is the code that most systems have, and it is here to be seen failing. Between two awaits another instance
 * writes the same order, so the stores can end with different winners; a store that fails leaves the ones before it
 * written. Nothing in here provokes that: no sleep, no retry, no odd order, only the awaits.
 */
import { laneNames, toDocument, toWarehouseOrder, type OrderRow } from '@driftlab/order'
import type { ClickHouse, Elasticsearch, Redis } from '@driftlab/stores'
import type { OrdersRepository } from '../repository.ts'
import { PartialWrite, type DerivedStore, type WriteStrategy } from './strategy.ts'

/**
 * How long after its commit a dual write may still be on its way to another store, in milliseconds: three stores with
 * 2 s of patience for each, and room for a busy machine. The auditor waits this long before it trusts a difference.
 */
export const IN_FLIGHT_MAX_MS = 10_000

export interface DualWriteStores {
  readonly redis: Redis
  readonly elasticsearch: Elasticsearch
  readonly clickhouse: ClickHouse
}

export function dualWriteStrategy(orders: OrdersRepository, stores: DualWriteStores, lane: string): WriteStrategy {
  const { redis, elasticsearch, clickhouse } = stores
  const names = laneNames(lane)

  const insertIntoWarehouse = (row: OrderRow, deleted: 0 | 1): Promise<unknown> =>
    clickhouse.insert({
      table: `${names.warehouseDatabase}.orders_by_version`,
      values: [{ ...toWarehouseOrder(row), deleted }],
      format: 'JSONEachRow',
      clickhouse_settings: { async_insert: 1, wait_for_async_insert: 1 },
    })

  const put = async (row: OrderRow): Promise<void> => {
    const document = toDocument(row)
    const write = writesAfter('postgresql')
    await write('redis', () => redis.hset(names.redisKey(row.id), 'document', JSON.stringify(document)))
    await write('elasticsearch', () => elasticsearch.index({ index: names.index, id: row.id, document }))
    await write('clickhouse', () => insertIntoWarehouse(row, 0))
  }

  return {
    async create(command) {
      const { outcome, row } = await orders.create(command)
      if (outcome === 'created') await put(row)
      return row
    },

    async update(id, decide) {
      const row = await orders.update(id, decide)
      await put(row)
      return row
    },

    async remove(id, guard) {
      const row = await orders.remove(id, guard)
      const write = writesAfter('postgresql')
      await write('redis', () => redis.del(names.redisKey(id)))
      // A document that is not there cannot be removed, and need not be.
      await write('elasticsearch', () => elasticsearch.delete({ index: names.index, id }, { ignore: [404] }))
      await write('clickhouse', () => insertIntoWarehouse(row, 1))
    },
  }
}

/** Names the store that failed and those that hold the write already. */
function writesAfter(first: string): (store: DerivedStore, write: () => Promise<unknown>) => Promise<void> {
  const written = [first]
  return async (store, write) => {
    try {
      await write()
    } catch (cause) {
      throw new PartialWrite(store, written, cause)
    }
    written.push(store)
  }
}
