/**
 * What tests share: where the running stack is, a port for a process of their own, and waiting for something to become
 * true.
 *
 * Settings come from the environment and, for what is not there, from the lab's settings file (`LAB_ENV_FILE`, else
 * `.env` at the root), so that one test runs alike under `make test` and by hand against `make up`.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseEnv } from 'node:util'

export interface TestSettings {
  readonly postgresUrl: string
  readonly redisUrl: string
  readonly elasticsearchUrl: string
  readonly clickhouseUrl: string
  readonly kafkaBrokers: readonly string[]
  readonly connectUrl: string
  /** Every variable of the settings file, overridden by the environment. */
  readonly variables: Readonly<Record<string, string>>
}

/** The addresses of the running stack, with administrators' credentials. @throws when there are no settings to be found. */
export function testSettings(): TestSettings {
  const path = process.env['LAB_ENV_FILE'] ?? join(import.meta.dirname, '../../../.env')
  let file: Record<string, string | undefined>
  try {
    file = parseEnv(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new Error(
      `These tests need the running stack: no settings at ${path}. Run \`make up\` first, or \`make test\`.`,
      { cause },
    )
  }
  const variables = Object.fromEntries(
    Object.entries({ ...file, ...process.env }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  const read = (name: string): string => {
    const value = variables[name]
    if (value === undefined) throw new Error(`${name} is neither in the environment nor in ${path}`)
    return value
  }
  const host = read('LAB_HOST')
  const account = (store: string): string => `${read(`${store}_ADMIN_USER`)}:${read(`${store}_ADMIN_PASSWORD`)}`
  return {
    postgresUrl: `postgres://${account('POSTGRES')}@${host}:${read('POSTGRES_PORT')}/${read('POSTGRES_DATABASE')}`,
    redisUrl: `redis://${account('REDIS')}@${host}:${read('REDIS_PORT')}`,
    elasticsearchUrl: `http://${account('ELASTICSEARCH')}@${host}:${read('ELASTICSEARCH_PORT')}`,
    clickhouseUrl: `http://${account('CLICKHOUSE')}@${host}:${read('CLICKHOUSE_PORT')}`,
    kafkaBrokers: [`${host}:${read('KAFKA_PORT')}`],
    connectUrl: `http://${host}:${read('CONNECT_PORT')}`,
    variables,
  }
}

/**
 * Waits until `probe` gives a value other than `undefined` and `false`, asking again every `intervalMs`.
 *
 * A probe that throws counts as not yet. @throws when the deadline passes, with the last error as its cause.
 */
export async function eventually<Value>(
  probe: () => Promise<Value | undefined | false> | Value | undefined | false,
  options: { readonly deadlineMs: number; readonly intervalMs?: number; readonly what?: string },
): Promise<Value> {
  const deadline = performance.now() + options.deadlineMs
  let lastError: unknown
  for (;;) {
    try {
      const value = await probe()
      if (value !== undefined && value !== false) return value
      lastError = undefined
    } catch (error) {
      lastError = error
    }
    if (performance.now() >= deadline) {
      throw new Error(`Not within ${String(options.deadlineMs)} ms: ${options.what ?? 'the condition'}`, {
        cause: lastError,
      })
    }
    await new Promise((resolve) => setTimeout(resolve, options.intervalMs ?? 50))
  }
}

/** A lane's name that no other test uses: letters, digits and a dash, at most 12 characters. */
export function throwAwayLane(): string {
  return `t-${Math.random().toString(36).slice(2, 10)}`
}

/** A port of loopback that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
