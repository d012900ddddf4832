/** What a pool promises when the server takes a connection away, which every restart of PostgreSQL does. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { connectPostgres, type Postgres, type PostgresClient } from './index.ts'
import { eventually, testSettings } from './testing.ts'

const broken: Error[] = []
let administrator: Postgres
let pool: Postgres

beforeAll(() => {
  const { postgresUrl } = testSettings()
  administrator = connectPostgres(postgresUrl)
  pool = connectPostgres(postgresUrl, { connectionsMax: 1, onIdleError: (error) => broken.push(error) })
})
afterAll(async () => {
  await pool.end()
  await administrator.end()
})

async function backendOf(client: Postgres | PostgresClient): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid ?? Number.NaN
}

async function terminate(pid: number): Promise<void> {
  await administrator.query('select pg_terminate_backend($1)', [pid])
}

// Without anyone who listens to it, a client's error is an exception of the process: then this very test fails by it.
test('a connection that breaks between two statements fails the next one and ends nothing else', async () => {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const pid = await backendOf(client)
    broken.length = 0
    await terminate(pid)
    await eventually(() => broken.length > 0, { deadlineMs: 2_000, what: 'the pool hears of the broken connection' })
    await expect(client.query('select 1')).rejects.toThrow()
  } finally {
    client.release(true)
  }
  await expect(backendOf(pool)).resolves.toBeGreaterThan(0)
})

test('a connection that breaks while nobody uses it is replaced', async () => {
  const pid = await backendOf(pool)
  broken.length = 0
  await terminate(pid)
  await eventually(() => broken.length > 0, { deadlineMs: 2_000, what: 'the pool hears of the broken connection' })
  await expect(backendOf(pool)).resolves.not.toBe(pid)
})
