/** A lane's derived stores as its readers see them, by the names that readers know; read by the auditor's own code. */
import { ordersLaneSpecification, type DerivedStore } from '@driftlab/auditor'
import { openClickHouse } from '../../services/auditor/src/stores/clickhouse.ts'
import { openElasticsearch } from '../../services/auditor/src/stores/elasticsearch.ts'
import { openRedis } from '../../services/auditor/src/stores/redis.ts'
import type { PerStore } from '../../services/orders/src/derived-stores/derived-store.ts'
import type { Laboratory } from './laboratory.ts'

const options = { timeoutMs: 30_000 }

export async function openReaders(laboratory: Laboratory, lane: string): Promise<PerStore<DerivedStore>> {
  const { url } = laboratory
  // How the lane settles is the auditor's affair; nobody waits for it here.
  const { lanes, projections } = await ordersLaneSpecification(lane, { kind: 'bounded', inFlightMaxMs: 0 })
  const { redis, elasticsearch, clickhouse } = lanes[lane]?.stores ?? {}
  const warehouse = projections['warehouse']
  if (
    redis?.kind !== 'redis-hash' ||
    elasticsearch?.kind !== 'elasticsearch' ||
    clickhouse?.kind !== 'clickhouse' ||
    warehouse === undefined
  ) {
    throw new Error('the specification of the orders has lost a store')
  }
  const readers = {
    redis: await openRedis(url.redis('AUDITOR'), redis, options),
    elasticsearch: openElasticsearch(url.elasticsearch('AUDITOR'), elasticsearch, options),
    clickhouse: await openClickHouse(url.clickhouse('AUDITOR'), clickhouse, warehouse, options),
  }
  laboratory.atEnd(() => Promise.all(Object.values(readers).map((reader) => reader.close())))
  return readers
}
