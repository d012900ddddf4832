/**
 * Statements and transactions on PostgreSQL, as the service uses them.
 *
 * Invariant: a transaction that was not prepared is ended by the connection that began it, committed or rolled back. One
 * that was prepared belongs to no connection any more, and waits on the server for whoever knows its name.
 */
import { DatabaseError, databaseFaultOf, type Postgres, type PostgresClient } from '@driftlab/stores'

export interface Statement {
  /** With a name, the server parses the statement once for each connection. */
  readonly name?: string
  readonly text: string
  readonly values?: readonly unknown[]
}

/** An open transaction. */
export interface Transaction {
  /** @throws {DatabaseError} */
  execute(statement: Statement): Promise<void>
  /**
   * The first phase of a commit in two: from here on the server can commit it whatever happens, and neither commits it
   * nor rolls it back by itself. Further statements run outside of it. @throws {DatabaseError}; then it is rolled back,
   * unless the connection broke before its answer.
   */
  prepare(name: string): Promise<void>
}

export type Connection = Postgres | PostgresClient

/** @throws {DatabaseError} and nothing else. */
export async function ask(
  connection: Connection,
  { name, text, values = [] }: Statement,
): Promise<{ readonly rows: readonly unknown[]; readonly rowCount: number | null; readonly command: string }> {
  return await sorted(() => connection.query({ ...(name === undefined ? {} : { name }), text, values: [...values] }))
}

/** Begins a transaction, and when `work` leaves it open, commits it; when `work` throws, rolls it back. */
export async function inTransaction<Result>(
  postgres: Postgres,
  work: (client: PostgresClient, transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  const client = await sorted(() => postgres.connect())
  let state: 'open' | 'prepared' = 'open'
  let broken: Error | undefined
  const transaction: Transaction = {
    execute: async (statement) => {
      await ask(client, statement)
    },
    prepare: async (name) => {
      const { command } = await ask(client, { text: `prepare transaction '${name.replaceAll("'", "''")}'` })
      // One that has failed is rolled back, which PostgreSQL calls a success.
      if (command !== 'PREPARE') throw new DatabaseError('bug', new Error(`preparing ended in ${command}`))
      state = 'prepared'
    },
  }
  const isOpen = (): boolean => state === 'open'
  try {
    await ask(client, { text: 'begin' })
    const result = await work(client, transaction)
    if (isOpen()) await ask(client, { text: 'commit' })
    return result
  } catch (error) {
    try {
      if (isOpen()) await ask(client, { text: 'rollback' })
    } catch (rollbackError) {
      // The connection is of no more use: the pool replaces it, and the server rolls back by itself.
      broken = rollbackError instanceof Error ? rollbackError : new Error(String(rollbackError))
    }
    throw error
  } finally {
    client.release(broken)
  }
}

async function sorted<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw new DatabaseError(databaseFaultOf(error), error)
  }
}
