/** Plain writes: what arrives last is what a store holds. */
import { laneNames, toDocument, toWarehouseOrder, type OrderRow } from '@driftlab/order'
import type { DerivedStores, StoreClients } from './derived-store.ts'

export function overwritingStores({ redis, elasticsearch, clickhouse }: StoreClients, lane: string): DerivedStores {
  const { redisKey, index, warehouseDatabase } = laneNames(lane)
  const insertIntoWarehouse = (row: OrderRow, deleted: 0 | 1): Promise<unknown> =>
    clickhouse.insert({
      table: `${warehouseDatabase}.orders_by_version`,
      values: [{ ...toWarehouseOrder(row), deleted }],
      format: 'JSONEachRow',
      clickhouse_settings: { async_insert: 1, wait_for_async_insert: 1 },
    })
  return {
    redis: {
      put: (row) => redis.hset(redisKey(row.id), 'document', JSON.stringify(toDocument(row))),
      remove: ({ id }) => redis.del(redisKey(id)),
    },
    elasticsearch: {
      put: (row) => elasticsearch.index({ index, id: row.id, document: toDocument(row) }),
      remove: ({ id }) => elasticsearch.delete({ index, id }, { ignore: [404] }),
    },
    clickhouse: {
      put: (row) => insertIntoWarehouse(row, 0),
      remove: (row) => insertIntoWarehouse(row, 1),
    },
  }
}
