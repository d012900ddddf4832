/**
 * The derived stores as a service sees them that writes them by itself. The strategies know these two operations and
 * nothing of Redis, Elasticsearch or ClickHouse.
 */
import type { OrderRow } from '@driftlab/order'
import type { ClickHouse, Elasticsearch, Redis } from '@driftlab/stores'

export const derivedStores = ['redis', 'elasticsearch', 'clickhouse'] as const
export type DerivedStoreName = (typeof derivedStores)[number]

/** One of something for each store. */
export type PerStore<Value> = Readonly<Record<DerivedStoreName, Value>>

export function perStore<Value>(valueOf: (name: DerivedStoreName) => Value): PerStore<Value> {
  return { redis: valueOf('redis'), elasticsearch: valueOf('elasticsearch'), clickhouse: valueOf('clickhouse') }
}

/** Each resolves when the store has acknowledged; a rejection may come of a write that has landed all the same. */
export interface DerivedStore {
  put(row: OrderRow): Promise<unknown>
  /** `row` is the order as it was. Removing one that the store never had is no failure. */
  remove(row: OrderRow): Promise<unknown>
}
export type DerivedStores = PerStore<DerivedStore>

/** One that keeps the write with the highest version, whatever order they arrive in; the others change nothing. */
export interface VersionedStore {
  put(row: OrderRow, version: number): Promise<unknown>
  remove(row: OrderRow, version: number): Promise<unknown>
}
export type VersionedStores = PerStore<VersionedStore>

export interface StoreClients {
  readonly redis: Redis
  readonly elasticsearch: Elasticsearch
  readonly clickhouse: ClickHouse
}
