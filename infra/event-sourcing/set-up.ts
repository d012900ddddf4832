/**
 * Sets up the event-sourced lane: its topics, and its place in the search index and in the warehouse (the cache needs
 * none). Idempotent. The users are those of the other lanes.
 *
 *   node infra/event-sourcing/set-up.ts    with the settings of .env.example in the environment
 */
import { connectLog } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'
import { portSchema, runJob, type Report } from '@driftlab/service'
import { connectClickHouse, connectElasticsearch } from '@driftlab/stores'
import { z } from 'zod'
import { setUpLane as setUpWarehouse } from '../clickhouse/lane.ts'
import { setUpLane as setUpIndex } from '../elasticsearch/lane.ts'
import { eventSourcedLaneTopics } from '../kafka/event-sourced-lane.ts'

const lane = 'event-sourcing'
const timeoutMs = 30_000

const settingsSchema = z.object({
  LAB_HOST: z.string(),
  KAFKA_PORT: portSchema,
  /** Where it is not the host of everything else. */
  ELASTICSEARCH_HOST: z.string().optional(),
  ELASTICSEARCH_PORT: portSchema,
  ELASTICSEARCH_ADMIN_USER: z.string(),
  ELASTICSEARCH_ADMIN_PASSWORD: z.string(),
  CLICKHOUSE_HOST: z.string().optional(),
  CLICKHOUSE_PORT: portSchema,
  CLICKHOUSE_ADMIN_USER: z.string(),
  CLICKHOUSE_ADMIN_PASSWORD: z.string(),
  CLICKHOUSE_WAREHOUSE_LOADER_USER: z.string(),
})
type Settings = z.output<typeof settingsSchema>

async function setUpTopics({ LAB_HOST, KAFKA_PORT }: Settings): Promise<void> {
  const admin = await connectLog({ brokers: [`${LAB_HOST}:${KAFKA_PORT}`], clientId: 'set-up' }).connectAdmin()
  try {
    await admin.createTopics(eventSourcedLaneTopics(lane))
  } finally {
    await admin.close()
  }
}

async function setUpStores(settings: Settings): Promise<void> {
  const { LAB_HOST, ELASTICSEARCH_HOST = LAB_HOST, CLICKHOUSE_HOST = LAB_HOST } = settings
  const account = (user: string, password: string): string =>
    `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}`
  const elasticsearch = connectElasticsearch(
    `${account(settings.ELASTICSEARCH_ADMIN_USER, settings.ELASTICSEARCH_ADMIN_PASSWORD)}@${ELASTICSEARCH_HOST}:${settings.ELASTICSEARCH_PORT}`,
    { timeoutMs },
  )
  const clickhouse = connectClickHouse(
    `${account(settings.CLICKHOUSE_ADMIN_USER, settings.CLICKHOUSE_ADMIN_PASSWORD)}@${CLICKHOUSE_HOST}:${settings.CLICKHOUSE_PORT}`,
    { timeoutMs },
  )
  try {
    await setUpIndex(elasticsearch, lane)
    await setUpWarehouse(clickhouse, lane, 'cdc')
    const { warehouseDatabase } = laneNames(lane)
    await clickhouse.command({
      query: `GRANT SELECT, INSERT ON ${warehouseDatabase}.* TO ${settings.CLICKHOUSE_WAREHOUSE_LOADER_USER}`,
    })
  } finally {
    await Promise.all([elasticsearch.close(), clickhouse.close()])
  }
}

await runJob({
  name: 'event-sourcing-set-up',
  environment: process.env,
  schema: settingsSchema,
  run: async (settings, report: Report) => {
    await setUpTopics(settings)
    await setUpStores(settings)
    report(`lane ${lane} is there`)
  },
  hint: 'Are Kafka, Elasticsearch and ClickHouse running, and are their ports and administrators right?',
})
