import { laneNames, orderRecords } from '@driftlab/order'
import { runService } from '@driftlab/service'
import { startSinkService } from '@driftlab/sink'
import { connectElasticsearch } from '@driftlab/stores'
import { configSchema } from './config.ts'
import { project } from './project.ts'
import { createSearchStore } from './store.ts'

await runService({
  name: 'search-indexer',
  environment: process.env,
  schema: configSchema,
  lane: ({ LANE }) => LANE,
  start: (context) => {
    const { config } = context
    const { topic, index } = laneNames(config.LANE)
    return startSinkService(context, {
      name: 'search-indexer',
      topic,
      formats: orderRecords(config.LANE),
      project,
      store: createSearchStore(connectElasticsearch(config.ELASTICSEARCH_URL, { timeoutMs: 15_000 }), { alias: index }),
      // A bulk request costs a sync to disk, so give it something to carry; searches wait for a refresh anyway.
      fetch: { minBytes: 32_768, maxWaitMs: 200, maxBytesPerPartition: 1_048_576 },
      operationsPerWriteMax: 3_000,
    })
  },
})
