/**
 * The settings of the stack: `.env`, made from `.env.example`.
 *
 * Invariant: a `.env` is never overwritten. It is created once, and later only appended to, when `.env.example` has
 * gained a variable. A password, once generated, stays: the stores' data was made with it.
 */
import { randomBytes } from 'node:crypto'
import { readFile, writeFile, rename } from 'node:fs/promises'
import { z } from 'zod'
import { LabError } from './errors.ts'
import { readIfPresent } from './files.ts'

const port = z
  .string()
  .regex(/^\d{1,5}$/u, 'must be a port, 1 to 65535')
  .refine((text) => Number(text) >= 1 && Number(text) <= 65_535, 'must be a port, 1 to 65535')
const user = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]*$/u, 'must be letters, digits, _ and -, and begin with a letter')
// It is written into URLs, configuration files and SQL by several programs: printable, no blanks, no quotes.
const password = z
  .string()
  .regex(/^[A-Za-z0-9._~!*+=-]{6,128}$/u, 'must be 6 to 128 characters out of A-Z a-z 0-9 . _ ~ ! * + = -')

const settingsSchema = z.object({
  LAB_HOST: z.ipv4('must be an IPv4 address such as 127.0.0.1'),
  POSTGRES_PORT: port,
  POSTGRES_DATABASE: user,
  POSTGRES_ADMIN_USER: user,
  POSTGRES_ADMIN_PASSWORD: password,
  POSTGRES_ORDERS_USER: user,
  POSTGRES_ORDERS_PASSWORD: password,
  POSTGRES_REPLICATION_USER: user,
  POSTGRES_REPLICATION_PASSWORD: password,
  POSTGRES_RELAY_USER: user,
  POSTGRES_RELAY_PASSWORD: password,
  POSTGRES_AUDITOR_USER: user,
  POSTGRES_AUDITOR_PASSWORD: password,
  POSTGRES_QUERIES_USER: user,
  POSTGRES_QUERIES_PASSWORD: password,
  KAFKA_PORT: port,
  KAFKA_CONTROLLER_PORT: port,
  CONNECT_PORT: port,
  MARIADB_PORT: port,
  MARIADB_ADMIN_USER: user,
  MARIADB_ADMIN_PASSWORD: password,
  MARIADB_ORDERS_USER: user,
  MARIADB_ORDERS_PASSWORD: password,
  MARIADB_REPLICATION_USER: user,
  MARIADB_REPLICATION_PASSWORD: password,
  MARIADB_AUDITOR_USER: user,
  MARIADB_AUDITOR_PASSWORD: password,
  REDIS_PORT: port,
  REDIS_ADMIN_USER: user,
  REDIS_ADMIN_PASSWORD: password,
  REDIS_ORDERS_USER: user,
  REDIS_ORDERS_PASSWORD: password,
  REDIS_CACHE_UPDATER_USER: user,
  REDIS_CACHE_UPDATER_PASSWORD: password,
  REDIS_AUDITOR_USER: user,
  REDIS_AUDITOR_PASSWORD: password,
  REDIS_QUERIES_USER: user,
  REDIS_QUERIES_PASSWORD: password,
  ELASTICSEARCH_PORT: port,
  ELASTICSEARCH_TRANSPORT_PORT: port,
  ELASTICSEARCH_ADMIN_USER: z.literal('elastic', 'must be elastic: it is the superuser that Elasticsearch comes with'),
  ELASTICSEARCH_ADMIN_PASSWORD: password,
  ELASTICSEARCH_ORDERS_USER: user,
  ELASTICSEARCH_ORDERS_PASSWORD: password,
  ELASTICSEARCH_SEARCH_INDEXER_USER: user,
  ELASTICSEARCH_SEARCH_INDEXER_PASSWORD: password,
  ELASTICSEARCH_AUDITOR_USER: user,
  ELASTICSEARCH_AUDITOR_PASSWORD: password,
  ELASTICSEARCH_QUERIES_USER: user,
  ELASTICSEARCH_QUERIES_PASSWORD: password,
  CLICKHOUSE_PORT: port,
  CLICKHOUSE_ADMIN_USER: user,
  CLICKHOUSE_ADMIN_PASSWORD: password,
  CLICKHOUSE_ORDERS_USER: user,
  CLICKHOUSE_ORDERS_PASSWORD: password,
  CLICKHOUSE_WAREHOUSE_LOADER_USER: user,
  CLICKHOUSE_WAREHOUSE_LOADER_PASSWORD: password,
  CLICKHOUSE_AUDITOR_USER: user,
  CLICKHOUSE_AUDITOR_PASSWORD: password,
  CLICKHOUSE_QUERIES_USER: user,
  CLICKHOUSE_QUERIES_PASSWORD: password,
  ORDERS_CDC_1_PORT: port,
  ORDERS_CDC_2_PORT: port,
  ORDERS_DUAL_WRITE_1_PORT: port,
  ORDERS_DUAL_WRITE_2_PORT: port,
  CACHE_UPDATER_PORT: port,
  SEARCH_INDEXER_PORT: port,
  WAREHOUSE_LOADER_PORT: port,
  AUDITOR_PORT: port,
  DASHBOARD_PORT: port,
  CONTROLS_PORT: port,
  CONTROLS_TOKEN: password,
  QUERIES_PORT: port,
  LINKS: z.enum(['proxied', 'direct'], 'must be proxied or direct'),
  LINKS_PORT: port,
  ORDERS_DUAL_WRITE_TO_REDIS_PORT: port,
  ORDERS_DUAL_WRITE_TO_ELASTICSEARCH_PORT: port,
  ORDERS_DUAL_WRITE_TO_CLICKHOUSE_PORT: port,
  CACHE_UPDATER_TO_REDIS_PORT: port,
  SEARCH_INDEXER_TO_ELASTICSEARCH_PORT: port,
  WAREHOUSE_LOADER_TO_CLICKHOUSE_PORT: port,
  ORDERS_EVENT_SOURCING_PORT: port,
  ORDER_PROCESSOR_PORT: port,
  CACHE_UPDATER_EVENT_SOURCING_PORT: port,
  SEARCH_INDEXER_EVENT_SOURCING_PORT: port,
  WAREHOUSE_LOADER_EVENT_SOURCING_PORT: port,
  TOPIC_EPOCH: z.string().regex(/^\d{1,4}$/u, 'must be a whole number, 0 to 4095'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
})

export type Settings = Readonly<z.output<typeof settingsSchema>>
export type SettingName = keyof Settings
export type PortVariable = Extract<SettingName, `${string}_PORT`>

export const portVariables: readonly PortVariable[] = Object.keys(settingsSchema.shape).filter(
  (name): name is PortVariable => name.endsWith('_PORT'),
)

/** `NAME=value` lines; blank lines and lines that begin with # are comments. A later line wins over an earlier one. */
export function parseEnvironmentFile(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=(.*)$/u.exec(line)
    if (match?.[1] !== undefined && match[2] !== undefined) values.set(match[1], unquote(match[2].trim()))
  }
  return values
}

function unquote(value: string): string {
  return /^(?:'[^']*'|"[^"]*")$/u.test(value) ? value.slice(1, -1) : value
}

/** The example's text with a fresh password, of the shape that `newPassword` gives, wherever it says `generate`. */
export function generatePasswords(example: string, newPassword: () => string = randomPassword): string {
  return example.replace(/^([A-Z]\w*)=generate$/gmu, (_line, name: string) => `${name}=${newPassword()}`)
}

function randomPassword(): string {
  return randomBytes(24).toString('hex')
}

/** What must be appended to `current` so that it has every variable of `example`; empty when nothing is missing. */
export function missingLines(current: string, example: string, newPassword: () => string = randomPassword): string {
  const present = parseEnvironmentFile(current)
  const lines = [...parseEnvironmentFile(example)]
    .filter(([name]) => !present.has(name))
    .map(([name, value]) => `${name}=${value}`)
  return lines.length === 0 ? '' : `${generatePasswords(lines.join('\n'), newPassword)}\n`
}

/** @throws {LabError} `bad-settings`, naming every variable at fault; values are left out, since they may be secrets. */
export function parseSettings(text: string, file: string): Settings {
  const values = Object.fromEntries(parseEnvironmentFile(text))
  const parsed = settingsSchema.safeParse(values)
  const faults = parsed.success
    ? sharedPorts(parsed.data)
    : parsed.error.issues.map((issue) => {
        const name = issue.path.map(String).join('.')
        return `${name}: ${name in values ? issue.message : 'is missing'}`
      })
  if (parsed.success && faults.length === 0) return Object.freeze(parsed.data)
  throw new LabError(
    'bad-settings',
    `Bad settings in ${file}, correct these lines (see .env.example):\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
  )
}

function sharedPorts(settings: Settings): readonly string[] {
  const users = Map.groupBy(portVariables, (variable) => settings[variable])
  return [...users]
    .filter(([, variables]) => variables.length > 1)
    .map(([value, variables]) => `${variables.join(', ')}: all are ${value}; each needs a port of its own`)
}

/**
 * Reads the settings, after creating or completing the file where needed. The file is readable by its owner only.
 *
 * @throws {LabError} `bad-settings`
 */
export async function loadSettings(options: { file: string; exampleFile: string }): Promise<Settings> {
  const example = await readFile(options.exampleFile, 'utf8')
  const current = await readIfPresent(options.file)
  if (current === undefined) {
    const created = generatePasswords(example)
    await writePrivately(options.file, created)
    return parseSettings(created, options.file)
  }
  const missing = missingLines(current, example)
  if (missing === '') return parseSettings(current, options.file)
  const completed = `${current.replace(/\n*$/u, '\n')}\n# Added because .env.example has it\n${missing}`
  await writePrivately(options.file, completed)
  return parseSettings(completed, options.file)
}

async function writePrivately(file: string, text: string): Promise<void> {
  const partial = `${file}.${process.pid}.partial`
  await writeFile(partial, text, { mode: 0o600 })
  await rename(partial, file)
}
