/** A process: the cache-updater's projection on the real runtime, for any topic, with the guard or without it. */
import { orderRecords } from '@driftlab/order'
import { runService } from '@driftlab/service'
import { startSinkService } from '@driftlab/sink'
import { connectRedis } from '@driftlab/stores'
import { z } from 'zod'
import { configSchema } from '../../services/cache-updater/src/config.ts'
import { projectInto } from '../../services/cache-updater/src/project.ts'
import { createCacheStore } from '../../services/cache-updater/src/store.ts'
import { withoutGuard } from './unguarded-store.ts'

await runService({
  name: 'ordering-sink',
  environment: process.env,
  schema: configSchema.extend({
    TOPIC: z.string(),
    /** The lane whose orders the topic holds. LANE is the cell: it names the keys in Redis and the group. */
    TABLE_LANE: z.string(),
    GUARD: z.enum(['on', 'off']),
  }),
  lane: ({ LANE }) => LANE,
  start: (context) => {
    const { config } = context
    const redis = connectRedis(config.REDIS_URL)
    const guarded = createCacheStore(redis, { deletedVersionTtlS: config.DELETED_VERSION_TTL_S })
    return startSinkService(context, {
      name: 'ordering-sink',
      topic: config.TOPIC,
      formats: orderRecords(config.TABLE_LANE),
      project: projectInto(config.LANE),
      store: config.GUARD === 'on' ? guarded : withoutGuard(guarded, redis),
      // As the cache-updater has it.
      fetch: { minBytes: 1, maxWaitMs: 50, maxBytesPerPartition: 524_288 },
      // It has 15 s; whoever is frozen here has to be given up each time.
      sessionTimeoutMs: 10_000,
    })
  },
})
