/**
 * The lanes that this service shows, and what its answers depend on in each. Pure; the names are those of every service.
 */
import { laneNames, type LaneNames } from '@driftlab/order'

export const laneStrategies = ['cdc', 'dual-write', 'event-sourcing'] as const
export type LaneStrategy = (typeof laneStrategies)[number]

export interface Lane extends LaneNames {
  readonly name: string
  readonly strategy: LaneStrategy
  /** What stands before an order's id in the first generation of the cache, and the key that names a later one. */
  readonly cache: { readonly firstPrefix: string; readonly prefixKey: string }
}

export function laneOf(strategy: LaneStrategy, name: string = strategy): Lane {
  const names = laneNames(name)
  return { ...names, name, strategy, cache: { firstPrefix: names.redisKey(''), prefixKey: `${name}:orders:prefix` } }
}

/** Where the lane's orders are first written, and what its derived stores are held against. */
export type SourceName = 'postgresql' | 'log'

export function sourceOf({ strategy }: Lane): SourceName {
  switch (strategy) {
    case 'cdc':
    case 'dual-write':
      return 'postgresql'
    case 'event-sourcing':
      return 'log'
  }
}

/** Whether the derived stores of the lane are written from a log, and so know the version of what they hold. */
export function hasLogVersions({ strategy }: Lane): boolean {
  switch (strategy) {
    case 'cdc':
    case 'event-sourcing':
      return true
    case 'dual-write':
      return false
  }
}
