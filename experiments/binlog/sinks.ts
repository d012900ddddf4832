/** The three sinks of MariaDB's lane, as processes of their own, and what they are called in the log. */
import { deadLetterTopic, groupOf } from '@driftlab/sink'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { startService } from '../laboratory/service.ts'
import { lanes, storeNames } from './history.ts'

const sinks = { redis: 'cache-updater', elasticsearch: 'search-indexer', clickhouse: 'warehouse-loader' } as const

export function groupsOf(lane: string): readonly string[] {
  return storeNames.map((store) => groupOf(sinks[store], lane))
}

export function deadLetterTopicsOf(lane: string): readonly string[] {
  return groupsOf(lane).map(deadLetterTopic)
}

export async function startSinks(laboratory: Laboratory): Promise<void> {
  const { url, settings } = laboratory
  const storeUrls = {
    redis: { REDIS_URL: url.redis('CACHE_UPDATER') },
    elasticsearch: { ELASTICSEARCH_URL: url.elasticsearch('SEARCH_INDEXER') },
    clickhouse: { CLICKHOUSE_URL: url.clickhouse('WAREHOUSE_LOADER') },
  }
  await Promise.all(
    storeNames.map((store) =>
      startService(laboratory, {
        name: `${sinks[store]}-${lanes.mariadb}`,
        folder: sinks[store],
        environment: {
          LANE: lanes.mariadb,
          TOPIC_EPOCH: settings.TOPIC_EPOCH,
          KAFKA_BROKERS: url.kafkaBrokers,
          ...storeUrls[store],
        },
      }),
    ),
  )
}
