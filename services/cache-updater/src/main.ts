import { laneNames, orderRecords } from '@driftlab/order'
import { runService } from '@driftlab/service'
import { startSinkService } from '@driftlab/sink'
import { connectRedis } from '@driftlab/stores'
import { configSchema } from './config.ts'
import { generationsOf } from './generation.ts'
import { projectInto } from './project.ts'
import { createCacheStore } from './store.ts'

await runService({
  name: 'cache-updater',
  environment: process.env,
  schema: configSchema,
  lane: ({ LANE }) => LANE,
  start: (context) => {
    const { config } = context
    const { topic } = laneNames(config.LANE)
    return startSinkService(context, {
      name: 'cache-updater',
      topic,
      formats: orderRecords(config.LANE),
      project: projectInto(config.LANE),
      store: createCacheStore(connectRedis(config.REDIS_URL), {
        deletedVersionTtlS: config.DELETED_VERSION_TTL_S,
        generations: generationsOf(config.LANE),
      }),
      // A cache is read at once: take whatever is there. The wait is short because a broker does not always wake a
      // waiting reader when a transaction ends: with 500 ms, single changes took up to that long.
      fetch: { minBytes: 1, maxWaitMs: 50, maxBytesPerPartition: 524_288 },
    })
  },
})
