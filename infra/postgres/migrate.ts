/**
 * Brings PostgreSQL to the state that the services expect: the database, its migrations, and the users that log in
 * with their passwords from the environment. Running it again changes nothing but a password that was changed.
 *
 * What users may do is granted to group roles by the migrations; here each user only becomes a member of its group.
 */
import { join } from 'node:path'
import { runner } from 'node-pg-migrate'
import { Client, escapeIdentifier, escapeLiteral } from 'pg'
import { z } from 'zod'
import { portSchema, runJob, type Report } from '@driftlab/service'

const settingsSchema = z.object({
  LAB_HOST: z.string(),
  POSTGRES_PORT: portSchema,
  POSTGRES_DATABASE: z.string(),
  POSTGRES_ADMIN_USER: z.string(),
  POSTGRES_ADMIN_PASSWORD: z.string(),
  POSTGRES_ORDERS_USER: z.string(),
  POSTGRES_ORDERS_PASSWORD: z.string(),
  POSTGRES_REPLICATION_USER: z.string(),
  POSTGRES_REPLICATION_PASSWORD: z.string(),
  POSTGRES_RELAY_USER: z.string(),
  POSTGRES_RELAY_PASSWORD: z.string(),
  POSTGRES_AUDITOR_USER: z.string(),
  POSTGRES_AUDITOR_PASSWORD: z.string(),
  POSTGRES_QUERIES_USER: z.string(),
  POSTGRES_QUERIES_PASSWORD: z.string(),
})
type Settings = Readonly<z.output<typeof settingsSchema>>

interface Login {
  readonly user: string
  readonly password: string
  readonly group: 'orders_writer' | 'orders_replicator' | 'orders_relay' | 'orders_auditor' | 'orders_reader'
  /** The right to read the log; PostgreSQL does not pass it on through membership. */
  readonly replication: boolean
  /** Every transaction is, over and above what its group may not do. */
  readonly readOnly?: boolean
}

function logins(settings: Settings): readonly Login[] {
  return [
    {
      user: settings.POSTGRES_ORDERS_USER,
      password: settings.POSTGRES_ORDERS_PASSWORD,
      group: 'orders_writer',
      replication: false,
    },
    {
      user: settings.POSTGRES_REPLICATION_USER,
      password: settings.POSTGRES_REPLICATION_PASSWORD,
      group: 'orders_replicator',
      replication: true,
    },
    {
      user: settings.POSTGRES_RELAY_USER,
      password: settings.POSTGRES_RELAY_PASSWORD,
      group: 'orders_relay',
      replication: false,
    },
    {
      user: settings.POSTGRES_AUDITOR_USER,
      password: settings.POSTGRES_AUDITOR_PASSWORD,
      group: 'orders_auditor',
      replication: false,
    },
    {
      user: settings.POSTGRES_QUERIES_USER,
      password: settings.POSTGRES_QUERIES_PASSWORD,
      group: 'orders_reader',
      replication: false,
      readOnly: true,
    },
  ]
}

async function withAdministrator(
  settings: Settings,
  database: string,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  const client = new Client({
    host: settings.LAB_HOST,
    port: settings.POSTGRES_PORT,
    user: settings.POSTGRES_ADMIN_USER,
    password: settings.POSTGRES_ADMIN_PASSWORD,
    database,
    connectionTimeoutMillis: 10_000,
  })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

async function ensureDatabase(client: Client, database: string): Promise<void> {
  const { rowCount } = await client.query('select from pg_database where datname = $1', [database])
  if (rowCount !== 0) return
  await client.query(`create database ${escapeIdentifier(database)} template template0 encoding 'UTF8'`)
}

async function ensureLogin(client: Client, login: Login): Promise<'created' | 'kept'> {
  const user = escapeIdentifier(login.user)
  const { rowCount } = await client.query('select from pg_roles where rolname = $1', [login.user])
  if (rowCount === 0) await client.query(`create role ${user}`)
  await client.query(
    `alter role ${user} with login nosuperuser nocreatedb nocreaterole nobypassrls ` +
      `${login.replication ? 'replication' : 'noreplication'} password ${escapeLiteral(login.password)}`,
  )
  await client.query(`grant ${escapeIdentifier(login.group)} to ${user}`)
  if (login.readOnly === true) await client.query(`alter role ${user} set default_transaction_read_only = on`)
  return rowCount === 0 ? 'created' : 'kept'
}

/** @throws what PostgreSQL or the failing migration says; nothing is half done. */
async function migrate(settings: Settings, report: Report): Promise<void> {
  await withAdministrator(settings, 'postgres', (client) => ensureDatabase(client, settings.POSTGRES_DATABASE))
  await withAdministrator(settings, settings.POSTGRES_DATABASE, async (client) => {
    const applied = await runner({
      dbClient: client,
      dir: join(import.meta.dirname, 'migrations'),
      direction: 'up',
      migrationsSchema: 'driftlab',
      createMigrationsSchema: true,
      migrationsTable: 'migrations',
      checkOrder: true,
      advisoryLockMode: 'wait',
      logger: { info: () => undefined, warn: report, error: report },
    })
    report(
      applied.length === 0
        ? 'every migration was there already'
        : `applied ${applied.map(({ name }) => name).join(', ')}`,
    )
    for (const login of logins(settings)) {
      report(`user ${login.user}, member of ${login.group}: ${await ensureLogin(client, login)}`)
    }
  })
}

await runJob({
  name: 'migrate',
  environment: process.env,
  schema: settingsSchema,
  run: migrate,
  hint: 'Is PostgreSQL running, and are POSTGRES_PORT and POSTGRES_ADMIN_PASSWORD the ones that it was started with?',
})
