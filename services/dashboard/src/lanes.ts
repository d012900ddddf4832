/** The lanes that the page shows, and who takes part in each. Names only: no address, no client, no clock. */

export const storeNames = ['redis', 'elasticsearch', 'clickhouse'] as const
export type StoreName = (typeof storeNames)[number]

export const storeTitles: Readonly<Record<StoreName, string>> = {
  redis: 'Redis',
  elasticsearch: 'Elasticsearch',
  clickhouse: 'ClickHouse',
}

export const laneNames = ['dual-write', 'cdc'] as const
export type LaneName = (typeof laneNames)[number]

/** How a change reaches the stores: by the request itself, or through the log. */
export const laneKinds: Readonly<Record<LaneName, 'by the request' | 'through the log'>> = {
  'dual-write': 'by the request',
  cdc: 'through the log',
}

/** The sink that keeps each store of the lane that goes through the log. */
export const sinkOf: Readonly<Record<StoreName, TargetName>> = {
  redis: 'cache-updater',
  elasticsearch: 'search-indexer',
  clickhouse: 'warehouse-loader',
}

export const ordersOf: Readonly<Record<LaneName, TargetName>> = {
  'dual-write': 'orders-dual-write',
  cdc: 'orders-cdc',
}

/** Whom the server asks, once a second. */
export const targetNames = [
  'orders-dual-write',
  'orders-cdc',
  'cache-updater',
  'search-indexer',
  'warehouse-loader',
  'auditor',
] as const
export type TargetName = (typeof targetNames)[number]
