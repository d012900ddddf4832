/** Addresses of the stores and the log, with the credentials of one role each. */
import type { Settings } from './settings.ts'

/** Where the stores and the log listen, each as `host:port`. */
export interface Endpoints {
  readonly postgres: string
  readonly redis: string
  readonly elasticsearch: string
  readonly clickhouse: string
  readonly kafka: string
}

export function nativeEndpoints(settings: Settings): Endpoints {
  const at = (port: string): string => `${settings.LAB_HOST}:${port}`
  return {
    postgres: at(settings.POSTGRES_PORT),
    redis: at(settings.REDIS_PORT),
    elasticsearch: at(settings.ELASTICSEARCH_PORT),
    clickhouse: at(settings.CLICKHOUSE_PORT),
    kafka: at(settings.KAFKA_PORT),
  }
}

/** URLs with the user and the password of one role in each store. */
export function addresses(settings: Settings, endpoints: Endpoints = nativeEndpoints(settings)) {
  const url = (scheme: string, user: string, password: string, endpoint: string): string =>
    `${scheme}://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${endpoint}`
  return {
    postgres: (
      role: 'ADMIN' | 'ORDERS' | 'REPLICATION' | 'RELAY' | 'AUDITOR' | 'QUERIES',
      database = settings.POSTGRES_DATABASE,
    ): string =>
      `${url('postgres', settings[`POSTGRES_${role}_USER`], settings[`POSTGRES_${role}_PASSWORD`], endpoints.postgres)}/${database}`,
    redis: (role: 'ADMIN' | 'ORDERS' | 'CACHE_UPDATER' | 'AUDITOR' | 'QUERIES'): string =>
      url('redis', settings[`REDIS_${role}_USER`], settings[`REDIS_${role}_PASSWORD`], endpoints.redis),
    elasticsearch: (role: 'ADMIN' | 'ORDERS' | 'SEARCH_INDEXER' | 'AUDITOR' | 'QUERIES'): string =>
      url(
        'http',
        settings[`ELASTICSEARCH_${role}_USER`],
        settings[`ELASTICSEARCH_${role}_PASSWORD`],
        endpoints.elasticsearch,
      ),
    clickhouse: (role: 'ADMIN' | 'ORDERS' | 'WAREHOUSE_LOADER' | 'AUDITOR' | 'QUERIES'): string =>
      url('http', settings[`CLICKHOUSE_${role}_USER`], settings[`CLICKHOUSE_${role}_PASSWORD`], endpoints.clickhouse),
    kafkaBrokers: endpoints.kafka,
  } as const
}
