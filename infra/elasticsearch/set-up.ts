/**
 * Sets up the search index: index and alias of each lane; then makes sure that each service's user is let in.
 * Idempotent. The users themselves are files that Elasticsearch starts with, see file-realm.ts.
 *
 *   node infra/elasticsearch/set-up.ts    with the settings of .env.example in the environment
 */
import { laneNames } from '@driftlab/order'
import { portSchema, runJob, type Report } from '@driftlab/service'
import { connectElasticsearch, type Elasticsearch } from '@driftlab/stores'
import { z } from 'zod'
import { lanes, setUpLane } from './lane.ts'

const settingsSchema = z.object({
  LAB_HOST: z.string().default('127.0.0.1'),
  ELASTICSEARCH_PORT: portSchema,
  /** Copies of each shard beside the first; a single node has room for none. */
  ELASTICSEARCH_REPLICAS: z.coerce.number().int().min(0).default(0),
  ELASTICSEARCH_ADMIN_USER: z.string(),
  ELASTICSEARCH_ADMIN_PASSWORD: z.string(),
  ELASTICSEARCH_ORDERS_USER: z.string(),
  ELASTICSEARCH_ORDERS_PASSWORD: z.string(),
  ELASTICSEARCH_SEARCH_INDEXER_USER: z.string(),
  ELASTICSEARCH_SEARCH_INDEXER_PASSWORD: z.string(),
  ELASTICSEARCH_AUDITOR_USER: z.string(),
  ELASTICSEARCH_AUDITOR_PASSWORD: z.string(),
  ELASTICSEARCH_QUERIES_USER: z.string(),
  ELASTICSEARCH_QUERIES_PASSWORD: z.string(),
})
type Settings = z.output<typeof settingsSchema>

function connectAs(settings: Settings, user: string, password: string): Elasticsearch {
  const account = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
  return connectElasticsearch(`http://${account}@${settings.LAB_HOST}:${settings.ELASTICSEARCH_PORT}`, {
    timeoutMs: 30_000,
  })
}

async function withClient(client: Elasticsearch, work: (client: Elasticsearch) => Promise<void>): Promise<void> {
  try {
    await work(client)
  } finally {
    await client.close()
  }
}

/** @throws when the user is refused or may not look at the index it works with. */
async function checkUser(settings: Settings, user: string, password: string, lane: string): Promise<void> {
  await withClient(connectAs(settings, user, password), async (client) => {
    const { index } = laneNames(lane)
    try {
      if (await client.indices.existsAlias({ name: index })) return
    } catch (cause) {
      throw new Error(refusal(user, index), { cause })
    }
    throw new Error(refusal(user, index))
  })
}

function refusal(user: string, index: string): string {
  return (
    `Elasticsearch does not let user ${user} see ${index}. ` +
    'Are roles.yml, users and users_roles (file-realm.ts) in its configuration folder?'
  )
}

async function setUp(settings: Settings, report: Report): Promise<void> {
  const { ELASTICSEARCH_ADMIN_USER: admin, ELASTICSEARCH_ADMIN_PASSWORD: adminPassword } = settings
  await withClient(connectAs(settings, admin, adminPassword), async (client) => {
    const indexSettings = { number_of_replicas: settings.ELASTICSEARCH_REPLICAS }
    for (const lane of lanes) await setUpLane(client, lane, { indexSettings })
  })
  await checkUser(settings, settings.ELASTICSEARCH_ORDERS_USER, settings.ELASTICSEARCH_ORDERS_PASSWORD, 'dual-write')
  await checkUser(
    settings,
    settings.ELASTICSEARCH_SEARCH_INDEXER_USER,
    settings.ELASTICSEARCH_SEARCH_INDEXER_PASSWORD,
    'cdc',
  )
  for (const lane of lanes) {
    await checkUser(settings, settings.ELASTICSEARCH_AUDITOR_USER, settings.ELASTICSEARCH_AUDITOR_PASSWORD, lane)
    await checkUser(settings, settings.ELASTICSEARCH_QUERIES_USER, settings.ELASTICSEARCH_QUERIES_PASSWORD, lane)
  }
  report(`lanes ${lanes.join(', ')} are there, and let their users in`)
}

await runJob({
  name: 'elasticsearch-set-up',
  environment: process.env,
  schema: settingsSchema,
  run: setUp,
  hint: 'Is Elasticsearch running, and are ELASTICSEARCH_PORT and the administrator right?',
})
