/**
 * The links that can be cut and slowed: the ways of a service to its stores, each through a proxy of its own (Toxiproxy). With
 * LINKS=direct there are none, and the services reach the stores as they are.
 */
import { nativeEndpoints, type Endpoints } from './addresses.ts'
import type { PortVariable, Settings } from './settings.ts'

export const links = [
  { name: 'orders-dual-write-to-redis', from: 'orders-dual-write', to: 'redis' },
  { name: 'orders-dual-write-to-elasticsearch', from: 'orders-dual-write', to: 'elasticsearch' },
  { name: 'orders-dual-write-to-clickhouse', from: 'orders-dual-write', to: 'clickhouse' },
  { name: 'cache-updater-to-redis', from: 'cache-updater', to: 'redis' },
  { name: 'search-indexer-to-elasticsearch', from: 'search-indexer', to: 'elasticsearch' },
  { name: 'warehouse-loader-to-clickhouse', from: 'warehouse-loader', to: 'clickhouse' },
] as const
export type Link = (typeof links)[number]
export type LinkName = Link['name']

const portVariables = {
  'orders-dual-write-to-redis': 'ORDERS_DUAL_WRITE_TO_REDIS_PORT',
  'orders-dual-write-to-elasticsearch': 'ORDERS_DUAL_WRITE_TO_ELASTICSEARCH_PORT',
  'orders-dual-write-to-clickhouse': 'ORDERS_DUAL_WRITE_TO_CLICKHOUSE_PORT',
  'cache-updater-to-redis': 'CACHE_UPDATER_TO_REDIS_PORT',
  'search-indexer-to-elasticsearch': 'SEARCH_INDEXER_TO_ELASTICSEARCH_PORT',
  'warehouse-loader-to-clickhouse': 'WAREHOUSE_LOADER_TO_CLICKHOUSE_PORT',
} as const satisfies Readonly<Record<LinkName, PortVariable>>

export const linkPortVariables: readonly PortVariable[] = Object.values(portVariables)

export function areProxied({ LINKS }: Pick<Settings, 'LINKS'>): boolean {
  return LINKS === 'proxied'
}

/** Where a service finds the stores: through its links, where there are any. */
export function endpointsFor(service: Link['from'], settings: Settings): Endpoints {
  const mine = areProxied(settings) ? links.filter(({ from }) => from === service) : []
  const proxied = mine.map(({ name, to }) => [to, listenerOf(name, settings)] as const)
  return { ...nativeEndpoints(settings), ...Object.fromEntries(proxied) }
}

/** Toxiproxy's configuration file: every link, whole. */
export function toxiproxyConfiguration(settings: Settings): string {
  const stores = nativeEndpoints(settings)
  return JSON.stringify(
    links.map(({ name, to }) => ({ name, listen: listenerOf(name, settings), upstream: stores[to], enabled: true })),
  )
}

function listenerOf(name: LinkName, settings: Settings): string {
  return `${settings.LAB_HOST}:${settings[portVariables[name]]}`
}
