/**
 * The links that can be cut and slowed: the ways of a service to its stores, each through a proxy of its own (Toxiproxy). With
 * LINKS=direct there are none, and the services reach the stores as they are.
 */
import { nativeEndpoints, type Endpoints } from './addresses.ts'
import type { PortVariable, Settings } from './settings.ts'

export const links = [
  {
    name: 'orders-dual-write-to-redis',
    from: 'orders-dual-write',
    to: 'redis',
    port: 'ORDERS_DUAL_WRITE_TO_REDIS_PORT',
  },
  {
    name: 'orders-dual-write-to-elasticsearch',
    from: 'orders-dual-write',
    to: 'elasticsearch',
    port: 'ORDERS_DUAL_WRITE_TO_ELASTICSEARCH_PORT',
  },
  {
    name: 'orders-dual-write-to-clickhouse',
    from: 'orders-dual-write',
    to: 'clickhouse',
    port: 'ORDERS_DUAL_WRITE_TO_CLICKHOUSE_PORT',
  },
  { name: 'cache-updater-to-redis', from: 'cache-updater', to: 'redis', port: 'CACHE_UPDATER_TO_REDIS_PORT' },
  {
    name: 'search-indexer-to-elasticsearch',
    from: 'search-indexer',
    to: 'elasticsearch',
    port: 'SEARCH_INDEXER_TO_ELASTICSEARCH_PORT',
  },
  {
    name: 'warehouse-loader-to-clickhouse',
    from: 'warehouse-loader',
    to: 'clickhouse',
    port: 'WAREHOUSE_LOADER_TO_CLICKHOUSE_PORT',
  },
] as const satisfies readonly {
  readonly name: string
  readonly from: string
  readonly to: keyof Endpoints
  readonly port: PortVariable
}[]
export type Link = (typeof links)[number]
export type LinkName = Link['name']

export function areProxied({ LINKS }: Pick<Settings, 'LINKS'>): boolean {
  return LINKS === 'proxied'
}

/** Where a service finds the stores: through its links, where there are any. */
export function endpointsFor(service: Link['from'], settings: Settings): Endpoints {
  const mine = areProxied(settings) ? links.filter(({ from }) => from === service) : []
  const proxied = mine.map((link) => [link.to, listenerOf(link, settings)] as const)
  return { ...nativeEndpoints(settings), ...Object.fromEntries(proxied) }
}

/** Toxiproxy's configuration file: every link, whole. */
export function toxiproxyConfiguration(settings: Settings): string {
  const stores = nativeEndpoints(settings)
  return JSON.stringify(
    links.map((link) => ({
      name: link.name,
      listen: listenerOf(link, settings),
      upstream: stores[link.to],
      enabled: true,
    })),
  )
}

function listenerOf({ port }: Link, settings: Settings): string {
  return `${settings.LAB_HOST}:${settings[port]}`
}
