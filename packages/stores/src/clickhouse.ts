import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client'
import { defaultTimeoutMs, splitCredentials, type ConnectOptions } from './options.ts'

export type ClickHouse = ClickHouseClient

/** A client on the HTTP interface. Times in ISO form are understood, since that is how every other store writes them. */
export function connectClickHouse(
  url: string,
  options: ConnectOptions & { readonly database?: string; readonly connectionsMax?: number } = {},
): ClickHouse {
  const { address, username, password } = splitCredentials(url)
  return createClient({
    url: address,
    username,
    password,
    ...(options.database === undefined ? {} : { database: options.database }),
    max_open_connections: options.connectionsMax ?? 10,
    request_timeout: options.timeoutMs ?? defaultTimeoutMs,
    // A failure is an error that the caller gets; written to the console as well, it would be told twice.
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: { date_time_input_format: 'best_effort' },
  })
}
