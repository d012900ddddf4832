/**
 * What an event-sourced lane consists of, by name: its topics, and the keys under which things are decided. Everything
 * that is recorded under one key is decided by one processor, in the order of the key's partition.
 */
import { laneNames } from '@driftlab/order'

export interface EventSourcedTopics {
  /** Requests that may still be refused. */
  readonly commands: string
  /** What happened: the system of record. Never compacted. */
  readonly events: string
  /** What became of each command, in the order of the commands; who sent one waits here. */
  readonly outcomes: string
  /** Each order as it is after its events, for stores that hold rows: derived, and compacted. */
  readonly orders: string
}

export function eventSourcedTopics(lane: string): EventSourcedTopics {
  const { schema, topic } = laneNames(lane)
  return {
    commands: `driftlab.${schema}.order-commands`,
    events: `driftlab.${schema}.order-events`,
    outcomes: `driftlab.${schema}.order-outcomes`,
    orders: topic,
  }
}

const stockPrefix = 'stock:'
const limitedPrefix = 'limited-'

/** The key under which the stock of `sku` is decided. An order's key is its id. */
export function stockKey(sku: string): string {
  return stockPrefix + sku
}

/** @returns the sku whose stock has this key, or undefined when it is an order's. */
export function skuOfKey(key: string): string | undefined {
  return key.startsWith(stockPrefix) ? key.slice(stockPrefix.length) : undefined
}

/**
 * Whether there is only so much of it. A matter of the name alone, so that a replay finds what the first reading found;
 * all other goods are made to order.
 */
export function isLimited(sku: string): boolean {
  return sku.startsWith(limitedPrefix)
}

/** Units of limited goods in these items, by sku, in the order of the names. */
export function limitedUnits(
  items: readonly { readonly sku: string; readonly quantity: number }[],
): readonly { readonly sku: string; readonly quantity: number }[] {
  const units = new Map<string, number>()
  for (const { sku, quantity } of items) if (isLimited(sku)) units.set(sku, (units.get(sku) ?? 0) + quantity)
  return [...units].map(([sku, quantity]) => ({ sku, quantity })).toSorted((a, b) => (a.sku < b.sku ? -1 : 1))
}
