/** The three sinks on a lane of an experiment, as processes of their own, and what they are called in the log. */
import { deadLetterTopic, groupOf } from '@driftlab/sink'
import { derivedStores, type PerStore } from '../../services/orders/src/derived-stores/derived-store.ts'
import type { Laboratory } from './laboratory.ts'
import { startService, type Service } from './service.ts'

/** The service of each store's sink. */
export const sinkOf = {
  redis: 'cache-updater',
  elasticsearch: 'search-indexer',
  clickhouse: 'warehouse-loader',
} as const satisfies PerStore<string>

export function groupsOf(lane: string): readonly string[] {
  return derivedStores.map((store) => groupOf(sinkOf[store], lane))
}

export function deadLetterTopicsOf(lane: string): readonly string[] {
  return groupsOf(lane).map(deadLetterTopic)
}

export interface SinksOptions {
  /** RECORD_FORMAT; by default Debezium's. */
  readonly recordFormat?: string
  /** With credentials; for instance through a proxy. By default straight to the stores, each as the user of its sink. */
  readonly storeUrls?: PerStore<string>
}

/** Resolves when they are ready. The lane's topic and its dead letters' have to be there. */
export async function startSinks(
  laboratory: Laboratory,
  lane: string,
  options: SinksOptions = {},
): Promise<readonly Service[]> {
  const { url, settings } = laboratory
  const { recordFormat = 'debezium' } = options
  const storeUrls = options.storeUrls ?? {
    redis: url.redis('CACHE_UPDATER'),
    elasticsearch: url.elasticsearch('SEARCH_INDEXER'),
    clickhouse: url.clickhouse('WAREHOUSE_LOADER'),
  }
  const variables = {
    redis: { REDIS_URL: storeUrls.redis },
    elasticsearch: { ELASTICSEARCH_URL: storeUrls.elasticsearch },
    clickhouse: { CLICKHOUSE_URL: storeUrls.clickhouse },
  } satisfies PerStore<Readonly<Record<string, string>>>
  return await Promise.all(
    derivedStores.map((store) =>
      startService(laboratory, {
        name: `${sinkOf[store]}-${lane}`,
        folder: sinkOf[store],
        environment: {
          LANE: lane,
          TOPIC_EPOCH: settings.TOPIC_EPOCH,
          KAFKA_BROKERS: url.kafkaBrokers,
          RECORD_FORMAT: recordFormat,
          ...variables[store],
        },
      }),
    ),
  )
}
