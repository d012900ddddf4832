/** The cache-updater's store without its guard: whatever arrives is written, so the last to arrive wins. */
import { StoreUnavailable, type Store } from '@driftlab/sink'
import type { Redis } from '@driftlab/stores'
import type { CacheOperation } from '../../services/cache-updater/src/operations.ts'

/** `guarded`, on the same connection, does all but the writing. */
export function withoutGuard(guarded: Store<CacheOperation>, redis: Redis): Store<CacheOperation> {
  return {
    ...guarded,
    write: async (operations) => {
      const pipeline = redis.pipeline()
      for (const operation of operations) {
        if (operation.type === 'put') pipeline.hset(operation.key, 'document', operation.document)
        else pipeline.del(operation.key)
      }
      const answers = (await pipeline.exec()) ?? []
      const failure = answers.map(([error]) => error).find((error) => error !== null)
      if (failure !== undefined) throw new StoreUnavailable('Redis takes no writes', { cause: failure })
      return { stale: 0, refused: [] }
    },
  }
}
