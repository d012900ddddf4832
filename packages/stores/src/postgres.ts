import pg from 'pg'
import { defaultTimeoutMs, type ConnectOptions } from './options.ts'

export type Postgres = pg.Pool
export type PostgresClient = pg.PoolClient

/**
 * A pool on one database. A statement that outlives its time is cancelled by the server, so nothing goes on unseen.
 *
 * `onIdleError` hears of an idle connection that broke (the server restarted); the pool replaces it by itself.
 */
export function connectPostgres(
  url: string,
  options: ConnectOptions & { readonly connectionsMax?: number; readonly onIdleError?: (error: Error) => void } = {},
): Postgres {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
  const pool = new pg.Pool({
    connectionString: url,
    max: options.connectionsMax ?? 10,
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: timeoutMs,
    idle_in_transaction_session_timeout: timeoutMs * 2,
    query_timeout: timeoutMs + 500,
  })
  const onIdleError = options.onIdleError ?? (() => undefined)
  pool.on('error', onIdleError)
  // The pool listens only to idle connections. One that breaks between two statements of a transaction says so here, and
  // without a listener that would end the process; the next statement of the transaction fails by itself.
  pool.on('connect', (client) => {
    client.on('error', onIdleError)
  })
  return pool
}
