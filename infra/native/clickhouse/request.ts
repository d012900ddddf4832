/**
 * Reads what a request to ClickHouse's HTTP interface says, from its address and headers alone. Pure; the body is
 * the caller's.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { EngineError } from './engine-error.ts'

export interface FrontRequest {
  readonly credentials: { readonly user: string; readonly password: string }
  readonly query: string
  readonly database: string
  readonly defaultFormat: string
  readonly queryId: string | undefined
  readonly sessionId: string | undefined
  readonly settings: Readonly<Record<string, string>>
  /** Values of `{name:Type}`, escaped as ClickHouse expects them. */
  readonly parameters: Readonly<Record<string, string>>
}

/** Parameters of the HTTP interface itself. Everything else in the address is a setting or a query parameter. */
const interfaceParameters = new Set([
  'query',
  'database',
  'default_format',
  'query_id',
  'user',
  'password',
  'session_id',
  'session_timeout',
  'session_check',
  'close_session',
  'wait_end_of_query',
  'buffer_size',
  'compress',
  'decompress',
  'quota_key',
  'stacktrace',
  'role',
  'client_protocol_version',
  'http_write_exception_in_output_format',
])

/** @throws {EngineError} when the request asks for something that the front does not speak. */
export function parseRequest(url: URL, headers: IncomingHttpHeaders): FrontRequest {
  const address = url.searchParams
  for (const name of ['compress', 'decompress']) {
    if (address.get(name) === '1') {
      throw new EngineError(
        48,
        'NOT_IMPLEMENTED',
        `The embedded engine's front does not speak ${name}=1; use HTTP compression (Content-Encoding: gzip, enable_http_compression=1)`,
      )
    }
  }
  const settings: Record<string, string> = {}
  const parameters: Record<string, string> = {}
  for (const [name, value] of address) {
    if (interfaceParameters.has(name)) continue
    if (!/^\w+$/.test(name)) throw new EngineError(115, 'UNKNOWN_SETTING', `Unknown setting '${name}'`)
    if (name.startsWith('param_')) parameters[name.slice('param_'.length)] = value
    else settings[name] = value
  }
  return {
    credentials: credentialsOf(address, headers),
    query: address.get('query') ?? '',
    database: address.get('database') ?? header(headers, 'x-clickhouse-database') ?? 'default',
    defaultFormat: address.get('default_format') ?? header(headers, 'x-clickhouse-format') ?? 'TabSeparated',
    queryId: address.get('query_id') ?? undefined,
    sessionId: address.get('session_id') ?? undefined,
    settings,
    parameters,
  }
}

function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** In ClickHouse's order: its own headers, then basic authentication, then the address; else `default` without password. */
function credentialsOf(address: URLSearchParams, headers: IncomingHttpHeaders): FrontRequest['credentials'] {
  const user = header(headers, 'x-clickhouse-user')
  const key = header(headers, 'x-clickhouse-key')
  if (user !== undefined || key !== undefined) return { user: user ?? 'default', password: key ?? '' }

  const basic = /^basic\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  if (basic !== undefined) {
    const text = Buffer.from(basic, 'base64').toString('utf8')
    const colon = text.indexOf(':')
    return colon === -1 ? { user: text, password: '' } : { user: text.slice(0, colon), password: text.slice(colon + 1) }
  }
  return { user: address.get('user') ?? 'default', password: address.get('password') ?? '' }
}
