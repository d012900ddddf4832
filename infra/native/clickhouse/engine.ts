/**
 * Owns the embedded ClickHouse engine (chdb): one data folder, and the connections to it.
 *
 * Invariant: a connection runs one statement at a time and belongs to one scope (database, settings, parameter
 * names), so that what one request sets never reaches another. The engine works on Node's thread pool; never more
 * than `slotsMax` statements run at once, so that the pool's other users (gzip) are not starved.
 * It does not know HTTP or users.
 */
import { isUtf8 } from 'node:buffer'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Session } from 'chdb'
import { EngineError, parseEngineError } from './engine-error.ts'
import type { Insert } from './statement.ts'

/** Everything that a statement's connection must have been told before it runs. */
export interface Scope {
  readonly database: string
  readonly settings: Readonly<Record<string, string>>
  /** Values of `{name:Type}`, in ClickHouse's escaped text form. */
  readonly parameters: Readonly<Record<string, string>>
  readonly readonly: boolean
  /** Connections of one session keep what its statements set. */
  readonly sessionId: string | undefined
}

export interface EngineResult {
  readonly bytes: Uint8Array
  readonly elapsedSeconds: number
  readonly rowsRead: number
  readonly bytesRead: number
}

export interface Engine {
  readonly version: string
  query(sql: string, format: string, scope: Scope): Promise<EngineResult>
  /** Inserts `data`, which is in the format that `head` names. `head` ends where the data would begin. */
  insert(head: string, insert: Insert, data: Buffer, scope: Scope): Promise<EngineResult>
  close(): Promise<void>
}

const slotsMax = 3
const idleConnectionsMax = 48
/** What a result may hold; a client that wants more reads in ranges. Also bounds this process's memory. */
const resultBytesMax = 128 * 1024 * 1024

const inlineBytesMax = 64 * 1024

/** Formats whose strings never hold a raw line end, so that blank lines between rows can be dropped. */
const jsonLineFormats = new Set(['jsoneachrow', 'jsonlines', 'ndjson', 'jsoncompacteachrow', 'jsonstringseachrow'])

interface Connection {
  readonly session: Session
  readonly key: string
}

export const plainScope: Scope = {
  database: 'default',
  settings: {},
  parameters: {},
  readonly: false,
  sessionId: undefined,
}

function configuration(memoryMaxBytes: number): string {
  // Small caches and pools: a laboratory on a laptop, not a server with 100 GiB. Each replaced part is removed after
  // seconds instead of minutes, so that a stream of small inserts does not fill the disk with folders.
  return `<clickhouse>
  <logger><level>none</level></logger>
  <max_server_memory_usage>${memoryMaxBytes}</max_server_memory_usage>
  <mark_cache_size>16777216</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <index_mark_cache_size>4194304</index_mark_cache_size>
  <merge_tree><old_parts_lifetime>5</old_parts_lifetime><cleanup_delay_period>5</cleanup_delay_period></merge_tree>
</clickhouse>
`
}

/**
 * Opens the engine on `folder`, creating it when it is not there.
 * @throws when another process has the folder open; the engine's own lock on it says so.
 */
export async function openEngine(folder: string, options: { readonly memoryMaxBytes: number }): Promise<Engine> {
  const spoolFolder = join(folder, 'spool')
  const dataFolder = join(folder, 'engine')
  await mkdir(dataFolder, { recursive: true })
  const configurationFile = join(folder, 'engine.xml')
  await writeFile(configurationFile, configuration(options.memoryMaxBytes))
  const connectionArgs = [`--config-file=${configurationFile}`]
  const open = (): Session => {
    try {
      return new Session(dataFolder, { connectionArgs })
    } catch (error) {
      throw new Error(
        `The ClickHouse engine cannot open ${dataFolder}. If another process uses this folder, stop it first or set CLICKHOUSE_DATA_PATH to another one.`,
        { cause: error },
      )
    }
  }
  // Stays open until the end: the engine shuts down with its last connection.
  const base = open()
  // Only now is the folder ours: what a killed process left behind goes.
  await rm(spoolFolder, { recursive: true, force: true })
  await mkdir(spoolFolder)
  const version = (await base.queryAsync('SELECT version()', { format: 'TSVRaw' })).text().trim()

  const idle: Connection[] = []
  const waiting: (() => void)[] = []
  let running = 0
  let spooled = 0
  let closing = false

  const acquireSlot = async (): Promise<void> => {
    if (running < slotsMax) running += 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
  }
  const releaseSlot = (): void => {
    const next = waiting.shift()
    if (next === undefined) running -= 1
    else next()
  }

  const connect = async (key: string, scope: Scope): Promise<Connection> => {
    const found = idle.findLastIndex((connection) => connection.key === key)
    const [reused] = found === -1 ? [] : idle.splice(found, 1)
    const connection = reused ?? { session: open(), key }
    try {
      for (const sql of prologue(scope, reused === undefined)) await connection.session.queryAsync(sql)
    } catch (error) {
      connection.session.close()
      throw error
    }
    return connection
  }

  const withConnection = async <Result>(
    scope: Scope,
    keep: boolean,
    work: (session: Session) => Promise<Result>,
  ): Promise<Result> => {
    if (closing)
      throw new EngineError(394, 'QUERY_WAS_CANCELLED', 'The embedded engine is shutting down; try again later')
    await acquireSlot()
    try {
      const connection = await connect(scopeKey(scope), scope)
      let succeeded = false
      try {
        const result = await work(connection.session)
        succeeded = true
        return result
      } finally {
        // What a failed statement had already put out would come before the answer to the next one.
        const isClean = succeeded || (scope.sessionId !== undefined && (await drained(connection.session)))
        if (keep && isClean) idle.push(connection)
        else connection.session.close()
        if (idle.length > idleConnectionsMax) idle.shift()?.session.close()
      }
    } catch (error) {
      throw parseEngineError(error)
    } finally {
      releaseSlot()
    }
  }

  const run = async (session: Session, sql: string, format: string): Promise<EngineResult> => {
    const result = await session.queryAsync(sql, { format })
    return {
      bytes: result.bytes(),
      elapsedSeconds: result.elapsed,
      rowsRead: result.rowsRead,
      bytesRead: result.bytesRead,
    }
  }

  return {
    version,
    query: (sql, format, scope) =>
      withConnection(scope, scope.sessionId !== undefined || !changesConnection(sql), (session) =>
        run(session, sql, format),
      ),

    insert: (head, insert, data, scope) =>
      withConnection(scope, true, async (session) => {
        const inline = inlineData(insert, data)
        if (inline !== undefined) return run(session, `${head}\n${inline}`, 'TabSeparated')
        if (insert.source.kind !== 'data') {
          throw new EngineError(
            48,
            'NOT_IMPLEMENTED',
            'INSERT … SELECT FROM input() takes only JSON line formats on the embedded engine',
          )
        }
        // Inline data ends at its first blank line, and binary data may hold one: so it goes through a file.
        spooled += 1
        const file = join(spoolFolder, String(spooled))
        await writeFile(file, data)
        try {
          const at = insert.sourceOffset
          return await run(session, `${head.slice(0, at)} FROM INFILE '${file}' ${head.slice(at)}`, 'TabSeparated')
        } finally {
          await rm(file, { force: true })
        }
      }),

    close: async () => {
      closing = true
      while (running > 0) await new Promise((resolve) => setTimeout(resolve, 10))
      for (const { session } of idle) session.close()
      base.close()
    },
  }
}

function scopeKey(scope: Scope): string {
  return JSON.stringify([
    scope.database,
    scope.readonly,
    scope.settings,
    Object.keys(scope.parameters).sort(),
    scope.sessionId,
  ])
}

/** SET and USE change the connection they run on, which then must not serve anyone else. */
function changesConnection(sql: string): boolean {
  return /^\s*(?:set|use)\b/i.test(sql) || /\btemporary\b/i.test(sql)
}

/** Whether nothing is left in the session of what came before. */
async function drained(session: Session): Promise<boolean> {
  return await session.queryAsync('SELECT 1', { format: 'TSVRaw' }).then(
    () => true,
    () => false,
  )
}

export function quoteString(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function quoteName(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
}

function prologue(scope: Scope, isNew: boolean): readonly string[] {
  const statements: string[] = []
  if (isNew) {
    if (scope.database !== 'default') statements.push(`USE ${quoteName(scope.database)}`)
    const settings: Scope['settings'] = {
      max_result_bytes: String(resultBytesMax),
      result_overflow_mode: 'throw',
      ...scope.settings,
    }
    statements.push(
      `SET ${Object.entries(settings)
        .map(([name, value]) => `${quoteName(name)} = ${quoteString(value)}`)
        .join(', ')}`,
    )
    // 2 as the real server does for GET: reads only, settings may still be given. With 1 even that is fixed.
    if (scope.readonly && settings['readonly'] !== '1') statements.push('SET readonly = 2')
  }
  const parameters = Object.entries(scope.parameters)
  if (parameters.length > 0) {
    statements.push(`SET ${parameters.map(([name, value]) => `param_${name} = ${quoteString(value)}`).join(', ')}`)
  }
  return statements
}

/**
 * The data as text to put behind the head, or undefined when it has to go through a file: because it would not
 * survive as text, or because the engine reads much of it faster from there (250,000 orders a second against 170,000).
 */
function inlineData(insert: Insert, data: Buffer): string | undefined {
  const { source } = insert
  if (source.kind !== 'data' && source.kind !== 'selectFromData') return undefined
  if (!jsonLineFormats.has(source.format.toLowerCase()) || !isUtf8(data)) return undefined
  if (source.kind === 'data' && data.length > inlineBytesMax) return undefined
  return data
    .toString('utf8')
    .replace(/\n\s*\n/g, '\n')
    .trimStart()
}
