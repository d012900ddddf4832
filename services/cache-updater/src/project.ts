/**
 * Turns order changes into cache operations.
 *
 * Invariant: a key holds the row as of its highest version seen, so redelivery is harmless and nothing here remembers
 * past records. One row in, one key out: joins are out of scope.
 */
import type { ChangeEvent } from '@driftlab/change-event'
import { laneNames, parseOrderRow, toDocument } from '@driftlab/order'
import type { CacheOperation } from './operations.ts'

/** @param redisKey names an order's key, where it is not that of the lane's first generation. */
export function projectInto(
  lane: string,
  redisKey: (id: string) => string = laneNames(lane).redisKey,
): (change: ChangeEvent) => readonly CacheOperation[] {
  return (change) => {
    const { version } = change
    switch (change.kind) {
      case 'snapshot':
      case 'insert':
      case 'update': {
        const row = parseOrderRow(change.after)
        return [{ type: 'put', key: redisKey(row.id), document: JSON.stringify(toDocument(row)), version }]
      }
      case 'delete':
        return [{ type: 'remove', key: redisKey(parseOrderRow(change.before).id), version }]
    }
  }
}
