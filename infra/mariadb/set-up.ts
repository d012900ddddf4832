/**
 * Brings MariaDB to the state that the binlog lane expects: its table and the users that log in, with their passwords
 * from the environment. Running it again changes nothing but a password that was changed.
 *
 * Nobody but the administrator may TRUNCATE: to the log that is a statement without rows, which no sink can follow. It
 * needs the right to drop the table, and no user has that. Nor may the writer change an id, a time or a revision.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { portSchema, runJob, type Report } from '@driftlab/service'
import { createConnection, type Connection } from 'mariadb'
import { z } from 'zod'

const settingsSchema = z.object({
  LAB_HOST: z.string(),
  MARIADB_PORT: portSchema,
  MARIADB_ADMIN_USER: z.string(),
  MARIADB_ADMIN_PASSWORD: z.string(),
  MARIADB_ORDERS_USER: z.string(),
  MARIADB_ORDERS_PASSWORD: z.string(),
  MARIADB_REPLICATION_USER: z.string(),
  MARIADB_REPLICATION_PASSWORD: z.string(),
  MARIADB_AUDITOR_USER: z.string(),
  MARIADB_AUDITOR_PASSWORD: z.string(),
})
type Settings = Readonly<z.output<typeof settingsSchema>>

interface Login {
  readonly user: string
  readonly password: string
  readonly grants: readonly string[]
}

const orders = '`binlog`.orders'

function logins(settings: Settings): readonly Login[] {
  return [
    {
      user: settings.MARIADB_ORDERS_USER,
      password: settings.MARIADB_ORDERS_PASSWORD,
      grants: [
        `select, delete,
         insert (id, customer_id, customer_name, items, status, note, total_cents, currency),
         update (customer_name, items, status, note, total_cents) on ${orders}`,
      ],
    },
    {
      user: settings.MARIADB_REPLICATION_USER,
      password: settings.MARIADB_REPLICATION_PASSWORD,
      // To read the log and to ask where it stands; and, for the snapshot, to read the tables. Between the moment that
      // they are read as of and the place in the log that belongs to it, nothing may be written: the lock on all tables
      // that sees to that takes `reload`, a right on the whole server, which following the log does not need.
      grants: ['replication slave, binlog monitor, reload on *.*', 'select on `binlog`.*'],
    },
    {
      user: settings.MARIADB_AUDITOR_USER,
      password: settings.MARIADB_AUDITOR_PASSWORD,
      grants: [`select on ${orders}`],
    },
  ]
}

async function ensureLogin(connection: Connection, { user, password, grants }: Login): Promise<void> {
  const account = `${connection.escape(user)}@'%'`
  await connection.query(`create user if not exists ${account}`)
  await connection.query(`alter user ${account} identified by ${connection.escape(password)}`)
  for (const grant of grants) await connection.query(`grant ${grant} to ${account}`)
}

async function setUp(settings: Settings, report: Report): Promise<void> {
  const connection = await createConnection({
    host: settings.LAB_HOST,
    port: settings.MARIADB_PORT,
    user: settings.MARIADB_ADMIN_USER,
    password: settings.MARIADB_ADMIN_PASSWORD,
    connectTimeout: 10_000,
    multipleStatements: true,
  })
  try {
    await connection.query(await readFile(join(import.meta.dirname, 'orders.sql'), 'utf8'))
    report(`${orders} is there`)
    for (const login of logins(settings)) {
      await ensureLogin(connection, login)
      report(`user ${login.user} is there`)
    }
  } finally {
    await connection.end()
  }
}

await runJob({
  name: 'mariadb-set-up',
  environment: process.env,
  schema: settingsSchema,
  run: setUp,
  hint: 'Is MariaDB running, and are MARIADB_PORT and MARIADB_ADMIN_PASSWORD the ones that it was started with?',
})
