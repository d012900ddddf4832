/**
 * Sets up the warehouse: databases, tables and views of each lane, and a user with its rights for each service.
 * Idempotent, so it also brings changed passwords in. Works on the real server and on the embedded engine alike; the
 * administrator must be allowed to manage access (on the real server: `access_management` 1).
 *
 *   node infra/clickhouse/set-up.ts              with the settings of .env.example in the environment
 *   LANES=cdc node infra/clickhouse/set-up.ts    only some of the lanes
 */
import { createClient } from '@clickhouse/client'
import { laneNames } from '@driftlab/order'
import { portSchema, runJob, type Report } from '@driftlab/service'
import { z } from 'zod'
import { laneKinds, runFile, setUpLane, type LaneKind, type StatementRunner } from './lane.ts'

const settingsSchema = z.object({
  LAB_HOST: z.string().default('127.0.0.1'),
  CLICKHOUSE_PORT: portSchema,
  CLICKHOUSE_ADMIN_USER: z.string(),
  CLICKHOUSE_ADMIN_PASSWORD: z.string(),
  CLICKHOUSE_ORDERS_USER: z.string(),
  CLICKHOUSE_ORDERS_PASSWORD: z.string(),
  CLICKHOUSE_WAREHOUSE_LOADER_USER: z.string(),
  CLICKHOUSE_WAREHOUSE_LOADER_PASSWORD: z.string(),
  CLICKHOUSE_AUDITOR_USER: z.string(),
  CLICKHOUSE_AUDITOR_PASSWORD: z.string(),
  CLICKHOUSE_QUERIES_USER: z.string(),
  CLICKHOUSE_QUERIES_PASSWORD: z.string(),
  /** Of several servers; without it there is one. */
  CLICKHOUSE_CLUSTER: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/)
    .optional(),
  LANES: z
    .string()
    .default(laneKinds.join(','))
    .transform((text) => text.split(',').map((lane) => lane.trim()))
    .pipe(z.array(z.enum(laneKinds)).min(1)),
})
type Settings = z.output<typeof settingsSchema>

interface ServiceUser {
  readonly user: string
  readonly password: string
  /** What the user is made with; by default users.sql. */
  readonly file?: string
  readonly grants: readonly string[]
}

/** The user that writes each kind of lane. */
function writerOf(kind: LaneKind, settings: Settings): Pick<ServiceUser, 'user' | 'password'> {
  switch (kind) {
    case 'cdc':
      return {
        user: settings.CLICKHOUSE_WAREHOUSE_LOADER_USER,
        password: settings.CLICKHOUSE_WAREHOUSE_LOADER_PASSWORD,
      }
    case 'dual-write':
      return { user: settings.CLICKHOUSE_ORDERS_USER, password: settings.CLICKHOUSE_ORDERS_PASSWORD }
  }
}

async function setUpUser(client: StatementRunner, { user, password, file, grants }: ServiceUser): Promise<void> {
  await runFile(client, file ?? 'users.sql', { user: { name: user }, password: { text: password } })
  for (const grant of grants) await client.command({ query: `GRANT ${grant} TO ${user}` })
}

async function setUp(settings: Settings, report: Report): Promise<void> {
  const client = createClient({
    url: `http://${settings.LAB_HOST}:${settings.CLICKHOUSE_PORT}`,
    username: settings.CLICKHOUSE_ADMIN_USER,
    password: settings.CLICKHOUSE_ADMIN_PASSWORD,
    application: 'driftlab-set-up',
  })
  try {
    for (const lane of settings.LANES) {
      await setUpLane(client, lane, lane, settings.CLICKHOUSE_CLUSTER)
      const grants = [`SELECT, INSERT ON ${laneNames(lane).warehouseDatabase}.*`]
      await setUpUser(client, { ...writerOf(lane, settings), grants })
    }
    await setUpUser(client, {
      user: settings.CLICKHOUSE_AUDITOR_USER,
      password: settings.CLICKHOUSE_AUDITOR_PASSWORD,
      grants: ['SELECT ON *.*'],
    })
    await setUpUser(client, {
      user: settings.CLICKHOUSE_QUERIES_USER,
      password: settings.CLICKHOUSE_QUERIES_PASSWORD,
      file: 'reader.sql',
      // Of the event-sourced lane, too, which may be set up later: so its absence can be told from a missing right.
      grants: [...laneKinds, 'event-sourcing'].map((lane) => `SELECT ON ${laneNames(lane).warehouseDatabase}.*`),
    })
    report(`lanes ${settings.LANES.join(', ')} and their users are there`)
  } finally {
    await client.close()
  }
}

await runJob({
  name: 'clickhouse-set-up',
  environment: process.env,
  schema: settingsSchema,
  run: setUp,
  hint: 'Is ClickHouse running, and are CLICKHOUSE_PORT and the administrator right?',
})
