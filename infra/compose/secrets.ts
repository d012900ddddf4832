/** Which process gets which secrets when everything runs in containers; pure. */
import { portSchema } from '@driftlab/service'
import { z } from 'zod'
import type { Settings } from '../native/src/settings.ts'
import { addresses } from '../native/src/addresses.ts'

/** Of the configure job; the defaults are the names of docker-compose.yml. */
export const jobSettingsSchema = z.object({
  /** Holds a folder for each consumer, and `passwords`. */
  CONFIGURATION_DIR: z.string().default('/configuration'),
  MEMORY_MIN_MIB: z.coerce.number().int().nonnegative().default(5_000),
  POSTGRES_ENDPOINT: z.string().default('postgres:5432'),
  REDIS_ENDPOINT: z.string().default('redis:6379'),
  ELASTICSEARCH_ENDPOINT: z.string().default('elasticsearch:9200'),
  CLICKHOUSE_ENDPOINT: z.string().default('clickhouse:8123'),
  KAFKA_ENDPOINT: z.string().default('kafka:9092'),
  CONNECT_PORT: portSchema.default(8083),
  CONNECT_PLUGIN_PATH: z.string().default('/kafka/connect'),
})
export type JobSettings = Readonly<z.output<typeof jobSettingsSchema>>

export type Files = Readonly<Record<string, string>>

/** The secrets of every process that reads SECRETS_DIR, but those of lanes on demand: a file for each variable. */
export function secretsOf(settings: Settings, job: JobSettings): Readonly<Record<string, Files>> {
  const url = addressesIn(settings, job)
  return {
    migrate: variablesOf('POSTGRES', settings),
    'elasticsearch-set-up': variablesOf('ELASTICSEARCH', settings),
    'clickhouse-set-up': variablesOf('CLICKHOUSE', settings),
    'orders-cdc': { POSTGRES_URL: url.postgres('ORDERS') },
    'orders-dual-write': {
      POSTGRES_URL: url.postgres('ORDERS'),
      REDIS_URL: url.redis('ORDERS'),
      ELASTICSEARCH_URL: url.elasticsearch('ORDERS'),
      CLICKHOUSE_URL: url.clickhouse('ORDERS'),
    },
    'cache-updater': { REDIS_URL: url.redis('CACHE_UPDATER') },
    'search-indexer': { ELASTICSEARCH_URL: url.elasticsearch('SEARCH_INDEXER') },
    'warehouse-loader': { CLICKHOUSE_URL: url.clickhouse('WAREHOUSE_LOADER') },
    auditor: {
      POSTGRES_URL: url.postgres('AUDITOR'),
      REDIS_URL: url.redis('AUDITOR'),
      ELASTICSEARCH_URL: url.elasticsearch('AUDITOR'),
      CLICKHOUSE_URL: url.clickhouse('AUDITOR'),
    },
    queries: {
      POSTGRES_URL: url.postgres('QUERIES'),
      REDIS_URL: url.redis('QUERIES'),
      ELASTICSEARCH_URL: url.elasticsearch('QUERIES'),
      CLICKHOUSE_URL: url.clickhouse('QUERIES'),
    },
  }
}

/** Those of the lane whose truth is a log. */
export function eventSourcingSecretsOf(settings: Settings, job: JobSettings): Readonly<Record<string, Files>> {
  const url = addressesIn(settings, job)
  return {
    'event-sourcing-set-up': {
      ...administratorOf('ELASTICSEARCH', settings),
      ...administratorOf('CLICKHOUSE', settings),
      CLICKHOUSE_WAREHOUSE_LOADER_USER: settings.CLICKHOUSE_WAREHOUSE_LOADER_USER,
    },
    'orders-event-sourcing': { ELASTICSEARCH_URL: url.elasticsearch('ORDERS') },
    'cache-updater-event-sourcing': { REDIS_URL: url.redis('CACHE_UPDATER') },
    'search-indexer-event-sourcing': { ELASTICSEARCH_URL: url.elasticsearch('SEARCH_INDEXER') },
    'warehouse-loader-event-sourcing': { CLICKHOUSE_URL: url.clickhouse('WAREHOUSE_LOADER') },
  }
}

function addressesIn(settings: Settings, job: JobSettings): ReturnType<typeof addresses> {
  return addresses(settings, {
    postgres: job.POSTGRES_ENDPOINT,
    redis: job.REDIS_ENDPOINT,
    elasticsearch: job.ELASTICSEARCH_ENDPOINT,
    clickhouse: job.CLICKHOUSE_ENDPOINT,
    kafka: job.KAFKA_ENDPOINT,
  })
}

function administratorOf(store: string, settings: Settings): Files {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => name.startsWith(`${store}_ADMIN_`)))
}

/** A store's users and passwords, for the job that makes them there. */
function variablesOf(store: string, settings: Settings): Files {
  return Object.fromEntries(
    Object.entries(settings).filter(([name]) => name.startsWith(`${store}_`) && !name.endsWith('_PORT')),
  )
}
