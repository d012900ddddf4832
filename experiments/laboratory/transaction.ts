/** A transaction of an experiment: committed when its work succeeds, and taken back when it throws. */
import type { Postgres, PostgresClient } from '@driftlab/stores'

export async function inTransaction<Value>(
  postgres: Postgres,
  work: (client: PostgresClient) => Promise<Value>,
): Promise<Value> {
  const client = await postgres.connect()
  try {
    await client.query('begin')
    const value = await work(client)
    await client.query('commit')
    return value
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}
