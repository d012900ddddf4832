/**
 * Writes with a version: each store keeps the highest and remembers it beyond a removal. The same guards as the sinks'
 * (services/cache-updater, search-indexer and warehouse-loader), one order at a time.
 */
import { laneNames, toDocument, toWarehouseOrder, type OrderRow } from '@driftlab/order'
import type { StoreClients, VersionedStores } from './derived-store.ts'

/** Of two equal versions the second wins, as the last to arrive does elsewhere. An empty document is a removal. */
const putIfNewer = `
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if tonumber(ARGV[1]) < version then return 0 end
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], 'document')
else redis.call('HSET', KEYS[1], 'document', ARGV[2]) end
redis.call('HSET', KEYS[1], 'version', ARGV[1])
return 1
`

/** The lane's warehouse has to be of the kind whose rows carry a version (infra/clickhouse/lane-cdc.sql). */
export function versionedStores({ redis, elasticsearch, clickhouse }: StoreClients, lane: string): VersionedStores {
  const { redisKey, index, warehouseDatabase } = laneNames(lane)
  const putIntoCache = (id: string, version: number, document: string): Promise<unknown> =>
    redis.eval(putIfNewer, 1, redisKey(id), version, document)
  // 409 says that a newer write is there already.
  const putIntoIndex = (id: string, version: number, document: Readonly<Record<string, unknown>>): Promise<unknown> =>
    elasticsearch.index({ index, id, document, version, version_type: 'external_gte' }, { ignore: [409] })
  const insertIntoWarehouse = (row: OrderRow, version: number, deleted: 0 | 1): Promise<unknown> =>
    clickhouse.insert({
      table: `${warehouseDatabase}.orders_by_version`,
      values: [{ ...toWarehouseOrder(row), version, deleted }],
      format: 'JSONEachRow',
      clickhouse_settings: { async_insert: 1, wait_for_async_insert: 1 },
    })
  return {
    redis: {
      put: (row, version) => putIntoCache(row.id, version, JSON.stringify(toDocument(row))),
      remove: ({ id }, version) => putIntoCache(id, version, ''),
    },
    elasticsearch: {
      put: (row, version) => putIntoIndex(row.id, version, { ...toDocument(row), deleted: false }),
      remove: ({ id }, version) => putIntoIndex(id, version, { id, deleted: true }),
    },
    clickhouse: {
      put: (row, version) => insertIntoWarehouse(row, version, 0),
      remove: (row, version) => insertIntoWarehouse(row, version, 1),
    },
  }
}
