/**
 * Makes and drops the database that takes part in two-phase commit beside the orders' own. It is on the same server:
 * to the protocol those are two databases, each with transactions of its own, but they cannot be cut off from one
 * another. Needs an administrator's URL of any database of that server.
 */
import { readFile } from 'node:fs/promises'
import { Client, escapeIdentifier, escapeLiteral } from 'pg'

/** Makes database `name` with its table and grants. @returns the administrator's URL of it. @throws when it exists. */
export async function createReadModel(adminUrl: string, name: string): Promise<string> {
  const database = escapeIdentifier(name)
  await withClient(adminUrl, async (client) => {
    await client.query(`create database ${database} template template0 encoding 'UTF8'`)
    await client.query(`revoke all on database ${database} from public`)
    await client.query(`grant connect on database ${database} to orders_writer, orders_auditor`)
  })
  const url = urlOf(adminUrl, name)
  const sql = await readFile(new URL('read-model.sql', import.meta.url), 'utf8')
  await withClient(url, (client) => client.query(sql))
  return url
}

/** Drops it, with the transactions that are in doubt in it; one that does not exist is no error. */
export async function dropReadModel(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
    if (rowCount === 0) return
    await withClient(urlOf(adminUrl, name), rollBackInDoubt)
    await client.query(`drop database ${escapeIdentifier(name)} with (force)`)
  })
}

/** PostgreSQL keeps a database, and the tables that they touched, for as long as such transactions exist. */
export async function rollBackInDoubt(client: Pick<Client, 'query'>): Promise<void> {
  const { rows } = await client.query<{ gid: string }>(
    'select gid from pg_prepared_xacts where database = current_database()',
  )
  for (const { gid } of rows) await client.query(`rollback prepared ${escapeLiteral(gid)}`)
}

function urlOf(url: string, database: string): string {
  const other = new URL(url)
  other.pathname = `/${database}`
  return other.toString()
}

async function withClient(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
