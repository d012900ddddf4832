import { laneNames, orderRecords } from '@driftlab/order'
import { runService } from '@driftlab/service'
import { startSinkService } from '@driftlab/sink'
import { connectClickHouse } from '@driftlab/stores'
import { configSchema } from './config.ts'
import { project } from './project.ts'
import { createWarehouseStore } from './store.ts'

await runService({
  name: 'warehouse-loader',
  environment: process.env,
  schema: configSchema,
  lane: ({ LANE }) => LANE,
  start: (context) => {
    const { config } = context
    const { topic, warehouseDatabase } = laneNames(config.LANE)
    return startSinkService(context, {
      name: 'warehouse-loader',
      topic,
      formats: orderRecords(config.LANE),
      project,
      store: createWarehouseStore(connectClickHouse(config.CLICKHOUSE_URL, { timeoutMs: 15_000 }), {
        database: warehouseDatabase,
      }),
      // Few and big inserts: each makes a part that must be merged. Half a second is nothing to a warehouse.
      fetch: { minBytes: 1_048_576, maxWaitMs: 400, maxBytesPerPartition: 1_048_576 },
      operationsPerWriteMax: 10_000,
    })
  },
})
