/**
 * ClickHouse's HTTP interface in front of the embedded engine: takes requests as the real server does and answers
 * with its headers, statuses and error texts, so that clients cannot tell the difference where it matters.
 *
 * Invariant: a statement runs as an authenticated user who may run it; an INSERT is answered with 200 only after the
 * engine has written its rows to the data folder. Results are built in memory, bounded by the engine's
 * `max_result_bytes`, so that an error in the middle of a query is still an error status.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { parseAccessStatement, type AccessStatement } from './access-statement.ts'
import { requirementsOf, type Requirements } from './authorization.ts'
import { encodeAnswer, readBody } from './body.ts'
import { EngineError, errorText, httpStatus, parseEngineError } from './engine-error.ts'
import { plainScope, quoteString, type Engine, type EngineResult, type Scope } from './engine.ts'
import { createInsertQueue, isGroupable } from './insert-queue.ts'
import { parseRequest, type FrontRequest } from './request.ts'
import {
  areLiteralRows,
  hasDoubtfulSemicolon,
  parseStatement,
  StatementError,
  subqueryNames,
  type Insert,
  type Statement,
} from './statement.ts'
import type { User, Users } from './users.ts'

export interface Front {
  readonly listener: RequestListener
  /** From now on every answer closes its connection, so that clients that keep theirs open cannot hold up a stop. */
  closeConnections(): void
  /** Flushes grouped inserts that still wait. */
  drain(): Promise<void>
}

export interface FrontOptions {
  readonly engine: Engine
  readonly users: Users
  readonly onError: (error: EngineError, query: string) => void
}

/** How much of a body is searched for the head of an INSERT, or taken for a query that is none. */
const headBytesMax = 256 * 1024
const rememberedRequirementsMax = 500
const rememberedLengthMax = 4096
const defaultBusyTimeoutMs = 20

const contentTypes: Readonly<Record<string, string>> = {
  tabseparated: 'text/tab-separated-values; charset=UTF-8',
  tsv: 'text/tab-separated-values; charset=UTF-8',
  csv: 'text/csv; charset=UTF-8; header=absent',
  csvwithnames: 'text/csv; charset=UTF-8; header=present',
  json: 'application/json; charset=UTF-8',
  jsoncompact: 'application/json; charset=UTF-8',
  jsoneachrow: 'application/x-ndjson; charset=UTF-8',
  jsoncompacteachrow: 'application/x-ndjson; charset=UTF-8',
}

interface Answer {
  readonly bytes: Uint8Array
  readonly format: string
  readonly summary: Readonly<Record<string, string>>
}

export function createFront({ engine, users, onError }: FrontOptions): Front {
  const queue = createInsertQueue(engine)
  const requirements = new Map<string, Requirements>()
  let isClosing = false

  const requirementsFor = async (sql: string, scope: Scope): Promise<Requirements> => {
    const key = `${scope.database}\n${sql}`
    const remembered = requirements.get(key)
    if (remembered !== undefined) return remembered
    const ast = await engine.query(`EXPLAIN AST ${sql}`, 'TSVRaw', { ...scope, settings: {}, sessionId: undefined })
    const found = requirementsOf(Buffer.from(ast.bytes).toString('utf8'), scope.database, subqueryNames(sql))
    // A name given as a parameter differs from request to request, so such a statement is looked at each time.
    if (sql.length <= rememberedLengthMax && !/:\s*Identifier/i.test(sql)) {
      if (requirements.size >= rememberedRequirementsMax) requirements.clear()
      requirements.set(key, found)
    }
    return found
  }

  const authorize = async (user: User, statement: Statement, sql: string, scope: Scope): Promise<void> => {
    if (user.isAdministrator || statement.kind === 'empty') return
    if (hasDoubtfulSemicolon(sql)) {
      throw denied(
        user,
        'a semicolon beside comments, escapes or special quotes is the administrator’s; send values as query parameters or as data',
      )
    }
    const source = statement.kind === 'insert' ? statement.insert.source : undefined
    const valuesOffset = source?.kind === 'values' ? source.valuesOffset : sql.length
    if (!areLiteralRows(sql.slice(valuesOffset))) {
      throw denied(user, 'expressions behind VALUES are the administrator’s; use plain values or INSERT … SELECT')
    }
    const found = await requirementsFor(sql.slice(0, valuesOffset), scope)
    if (found.kind === 'refused') throw denied(user, found.reason)
    for (const { privilege, target } of found.required) {
      if (!user.may(privilege, target)) throw lacking(user, privilege, target.database, target.table)
    }
  }

  const runInsert = async (
    sql: string,
    insert: Insert,
    body: Buffer,
    request: FrontRequest,
    scope: Scope,
  ): Promise<Answer> => {
    const { head, data } = splitInsert(sql, insert, body)
    const setting = (name: string): string | undefined => scope.settings[name]
    const grouped = setting('async_insert') !== '0' && scope.sessionId === undefined && isGroupable(insert, data)
    const busyTimeoutMs = Math.min(Number(setting('async_insert_busy_timeout_ms') ?? defaultBusyTimeoutMs) || 0, 1_000)
    const write = grouped
      ? queue.add({ head, insert, data, scope, busyTimeoutMs })
      : engine.insert(head, insert, data, scope)
    if (grouped && setting('wait_for_async_insert') === '0') {
      // The client asked not to wait: as on the real server, a failure reaches only the log.
      write.catch((error: unknown) => {
        onError(parseEngineError(error), head)
      })
      return { bytes: new Uint8Array(0), format: request.defaultFormat, summary: summaryOf(undefined, 0, data.length) }
    }
    const result = await write
    const rows = grouped || result.rowsRead === 0 ? countLines(data) : result.rowsRead
    return { bytes: new Uint8Array(0), format: request.defaultFormat, summary: summaryOf(result, rows, data.length) }
  }

  const runAccess = async (
    statement: AccessStatement,
    request: FrontRequest,
    user: User,
    isGet: boolean,
  ): Promise<Answer> => {
    const isShow = statement.kind === 'showUsers' || statement.kind === 'showGrants'
    if (isGet && !isShow) throw new EngineError(164, 'READONLY', 'Cannot execute query in readonly mode: use POST')
    const rows = await users.execute(statement, user)
    const format = (isShow ? statement.format : undefined) ?? request.defaultFormat
    if (!isShow) return { bytes: new Uint8Array(0), format, summary: summaryOf(undefined, 0, 0) }
    // The engine writes the list, since it knows every format.
    const list = `SELECT arrayJoin(CAST([${rows.map(quoteString).join(', ')}] AS Array(String))) AS name`
    const result = await engine.query(list, format, plainScope)
    return { bytes: result.bytes, format, summary: summaryOf(result, 0, 0) }
  }

  const run = async (request: FrontRequest, body: Buffer, user: User, isGet: boolean): Promise<Answer> => {
    const beginning = body.subarray(0, headBytesMax).toString('latin1')
    const combined =
      request.query === '' ? beginning : body.length === 0 ? request.query : `${request.query}\n${beginning}`
    const statement = parseStatement(combined)
    const scope: Scope = {
      database: request.database,
      settings: { ...user.settings, ...request.settings },
      parameters: request.parameters,
      readonly: isGet,
      sessionId: request.sessionId === undefined ? undefined : JSON.stringify([user.name, request.sessionId]),
    }
    refuseChangedSettings(user, request.settings)
    if (statement.kind === 'empty') throw new EngineError(62, 'SYNTAX_ERROR', 'Syntax error: Empty query')
    if (statement.kind === 'insert' && isDataSource(statement.insert)) {
      const dataOffset = dataOffsetOf(statement.insert)
      const head = headText(combined, request.query, body, dataOffset)
      await authorize(user, statement, head, scope)
      return runInsert(combined, statement.insert, body, request, scope)
    }

    const text = body.toString('utf8')
    const sql = request.query === '' ? text : text === '' ? request.query : `${request.query}\n${text}`
    // Read once more, now whole and as UTF-8: nothing may follow the statement unseen.
    const whole = parseStatement(sql)
    if (whole.kind === 'query') {
      const access = parseAccessStatement(sql)
      if (access !== undefined) return runAccess(access, request, user, isGet)
    }
    await authorize(user, whole, sql, scope)
    const result = await engine.query(sql, request.defaultFormat, scope)
    const format = (whole.kind === 'query' ? whole.format : undefined) ?? request.defaultFormat
    return { bytes: result.bytes, format, summary: summaryOf(result, 0, 0) }
  }

  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const url = new URL(incoming.url ?? '/', 'http://front')
    if (isClosing) outgoing.setHeader('Connection', 'close')
    outgoing.setHeader('X-ClickHouse-Server-Display-Name', `driftlab embedded engine (chdb) ${engine.version}`)
    if (incoming.method === 'GET' || incoming.method === 'HEAD') {
      if (
        url.pathname === '/ping' ||
        url.pathname === '/replicas_status' ||
        (url.pathname === '/' && url.search === '')
      ) {
        outgoing.writeHead(200, { 'Content-Type': 'text/html; charset=UTF-8' }).end('Ok.\n')
        return
      }
    }
    const queryId = url.searchParams.get('query_id') ?? randomUUID()
    outgoing.setHeader('X-ClickHouse-Query-Id', queryId)
    try {
      if (url.pathname !== '/' && url.pathname !== '/query') {
        outgoing.writeHead(404).end(`There is no handle ${url.pathname}. Use / or /ping\n`)
        return
      }
      if (incoming.method !== 'GET' && incoming.method !== 'POST' && incoming.method !== 'HEAD') {
        throw new EngineError(
          48,
          'NOT_IMPLEMENTED',
          `The method ${String(incoming.method)} is not implemented; use GET or POST`,
        )
      }
      const request = parseRequest(url, incoming.headers)
      const user = users.authenticate(request.credentials.user, request.credentials.password)
      const body = await readBody(incoming)
      const result = await run(request, body, user, incoming.method !== 'POST')
      const { bytes, encoding } = await encodeAnswer(
        result.bytes,
        incoming.headers,
        request.settings['enable_http_compression'] === '1',
      )
      if (encoding !== undefined) outgoing.setHeader('Content-Encoding', encoding)
      outgoing.writeHead(200, {
        'Content-Type': contentTypes[result.format.toLowerCase()] ?? 'text/plain; charset=UTF-8',
        'Content-Length': bytes.length,
        'X-ClickHouse-Format': result.format,
        'X-ClickHouse-Timezone': 'UTC',
        'X-ClickHouse-Summary': JSON.stringify(result.summary),
      })
      outgoing.end(bytes)
    } catch (error) {
      const engineError =
        error instanceof StatementError
          ? new EngineError(error.code, error.type, error.message)
          : parseEngineError(error)
      if (httpStatus(engineError.code) === 500) onError(engineError, url.searchParams.get('query') ?? '(in the body)')
      refuse(incoming, outgoing, engineError, engine.version)
    }
  }

  return {
    listener: (incoming, outgoing) => {
      answer(incoming, outgoing).catch((error: unknown) => {
        onError(parseEngineError(error), '(while answering)')
        outgoing.destroy()
      })
    },
    closeConnections: () => {
      isClosing = true
    },
    drain: () => queue.drain(),
  }
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse, error: EngineError, version: string): void {
  const status = httpStatus(error.code)
  if (status === 401) outgoing.setHeader('WWW-Authenticate', 'Basic realm="ClickHouse server HTTP API"')
  // What is left of an unread body would be taken for the next request.
  if (!incoming.complete) outgoing.setHeader('Connection', 'close')
  outgoing
    .writeHead(status, { 'Content-Type': 'text/plain; charset=UTF-8', 'X-ClickHouse-Exception-Code': error.code })
    .end(errorText(error, version))
}

function denied(user: User, reason: string): EngineError {
  return new EngineError(497, 'ACCESS_DENIED', `${user.name}: Not enough privileges: ${reason}`)
}

function lacking(user: User, privilege: string, database: string, table: string): EngineError {
  return denied(user, `it's necessary to have the grant ${privilege} ON ${database}.${table}`)
}

function isDataSource(insert: Insert): boolean {
  return insert.source.kind === 'data' || insert.source.kind === 'selectFromData'
}

function dataOffsetOf(insert: Insert): number {
  return insert.source.kind === 'data' || insert.source.kind === 'selectFromData' ? insert.source.dataOffset : 0
}

/**
 * The statement without its data, whole characters. `combined` holds the query of the address as it is and the body
 * as latin1, one character a byte, so that offsets into the body are offsets into its bytes.
 */
function headText(combined: string, query: string, body: Buffer, dataOffset: number): string {
  if (query === '') return body.subarray(0, dataOffset).toString('utf8').trimEnd()
  return combined.slice(0, Math.min(dataOffset, query.length)).trimEnd()
}

/** As the real server has it: with readonly 1, nobody may ask for a setting other than it is. */
function refuseChangedSettings(user: User, asked: Readonly<Record<string, string>>): void {
  if (user.settings['readonly'] !== '1') return
  const changed = Object.entries(asked).find(([name, value]) => user.settings[name] !== value)
  if (changed === undefined) return
  throw new EngineError(164, 'READONLY', `Cannot modify '${changed[0]}' setting in readonly mode`)
}

function splitInsert(combined: string, insert: Insert, body: Buffer): { readonly head: string; readonly data: Buffer } {
  const dataOffset = dataOffsetOf(insert)
  const bodyStart = combined.length - Math.min(body.length, headBytesMax)
  const head = bodyStart === 0 ? body.subarray(0, dataOffset).toString('utf8') : combined.slice(0, dataOffset)
  const inQuery = combined.slice(dataOffset, Math.max(dataOffset, bodyStart - 1)).trim()
  const data = body.subarray(Math.max(0, dataOffset - bodyStart))
  return { head: head.trimEnd(), data: inQuery === '' ? data : Buffer.concat([Buffer.from(`${inQuery}\n`), data]) }
}

function countLines(data: Buffer): number {
  let lines = data.length > 0 && data.at(-1) !== 0x0a ? 1 : 0
  for (let at = data.indexOf(0x0a); at !== -1; at = data.indexOf(0x0a, at + 1)) lines += 1
  return lines
}

/** Numbers as text, as the real server sends them. */
function summaryOf(
  result: EngineResult | undefined,
  writtenRows: number,
  writtenBytes: number,
): Readonly<Record<string, string>> {
  return {
    read_rows: String(result?.rowsRead ?? 0),
    read_bytes: String(result?.bytesRead ?? 0),
    written_rows: String(writtenRows),
    written_bytes: String(writtenBytes),
    elapsed_ns: String(Math.round((result?.elapsedSeconds ?? 0) * 1e9)),
  }
}
