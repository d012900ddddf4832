/** What docker-compose.yml promises, read from the file itself: hardened, bounded, and each secret where it is needed. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { z } from 'zod'
import { configSchema as cacheUpdaterSchema } from '../../services/cache-updater/src/config.ts'
import { configSchema as orderProcessorSchema } from '../../services/order-processor/src/config.ts'
import { configSchema as dashboardSchema } from '../../services/dashboard/src/config.ts'
import { configSchema as ordersSchema } from '../../services/orders/src/config.ts'
import { configSchema as queriesSchema } from '../../services/queries/src/config.ts'
import { configSchema as searchIndexerSchema } from '../../services/search-indexer/src/config.ts'
import { configSchema as warehouseLoaderSchema } from '../../services/warehouse-loader/src/config.ts'
import { generatePasswords, parseEnvironmentFile, parseSettings, type Settings } from '../native/src/settings.ts'
import { eventSourcingSecretsOf, jobSettingsSchema, secretsOf } from './secrets.ts'

const root = join(import.meta.dirname, '../..')

const serviceSchema = z.looseObject({
  image: z.string(),
  user: z.string().optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  privileged: z.boolean().optional(),
  restart: z.string().optional(),
  mem_limit: z.string().optional(),
  deploy: z.object({ replicas: z.number() }).optional(),
  networks: z.array(z.string()).default([]),
  network_mode: z.string().optional(),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  profiles: z.array(z.string()).default([]),
  healthcheck: z.looseObject({ disable: z.boolean().default(false), test: z.array(z.string()).optional() }).optional(),
})
const composeSchema = z.looseObject({
  services: z.record(z.string(), serviceSchema),
  networks: z.record(z.string(), z.object({ internal: z.boolean() }).nullable()),
})
type Service = z.output<typeof serviceSchema>

let compose: z.output<typeof composeSchema>
let services: readonly (readonly [string, Service])[]
let settings: Settings
beforeAll(async () => {
  compose = composeSchema.parse(parse(await readFile(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }))
  services = Object.entries(compose.services)
  settings = parseSettings(generatePasswords(await readFile(join(root, '.env.example'), 'utf8')), '.env.example')
})

const stores = ['postgres', 'kafka', 'connect', 'redis', 'elasticsearch', 'clickhouse'] as const

/** A one-shot job: it ends, so it has no health, and it is not started again. */
const isJob = (service: Service): boolean => service.restart === 'no'

/** The names of those that do not fulfil `promise`. */
function breaking(promise: (service: Service) => boolean): readonly string[] {
  return services.filter(([, service]) => !promise(service)).map(([name]) => name)
}

describe('every container', () => {
  test('runs as a user without rights, on a root that it cannot write, and can gain nothing', () => {
    expect(breaking(({ user = 'root' }) => !/^(root|0)(:|$)/.test(user))).toEqual([])
    expect(breaking(({ read_only }) => read_only === true)).toEqual([])
    expect(breaking(({ cap_drop = [] }) => cap_drop.includes('ALL'))).toEqual([])
    expect(breaking(({ security_opt = [] }) => security_opt.includes('no-new-privileges:true'))).toEqual([])
    expect(breaking(({ privileged = false }) => !privileged)).toEqual([])
  })

  test('never sees the engine itself', () => {
    expect(breaking(({ volumes }) => !volumes.some((volume) => volume.includes('docker.sock')))).toEqual([])
  })

  test('says whether it is well, unless it is a job, which says so by ending', () => {
    expect(breaking((service) => isJob(service) || (service.healthcheck?.test?.length ?? 0) > 0)).toEqual([])
  })

  test('is not started again for ever', () => {
    expect(breaking(({ restart = 'no' }) => /^(no|on-failure:\d+)$/.test(restart))).toEqual([])
  })

  test('is pinned to a version, in one place that a variable can override', () => {
    expect(
      breaking(({ image }) => /^(\$\{[A-Z_0-9]+_IMAGE:-)?[^:]+:(\$\{[A-Z_]+:-)?v?\d[\w.-]*\}?$/.test(image)),
    ).toEqual([])
    const others = services.map(([, { image }]) => image).filter((image) => !image.startsWith('driftlab/'))
    expect(others).toEqual([...new Set(others)])
  })
})

describe('memory', () => {
  const mebibytes = (text = ''): number => Number(/^(\d+)m$/.exec(text)?.[1] ?? Number.POSITIVE_INFINITY)

  test('is bounded for each, and for all that run at once below 6 GiB', () => {
    const running = services.filter(([, service]) => !isJob(service) && service.profiles.length === 0)
    const sum = running.reduce(
      (mib, [, { mem_limit, deploy }]) => mib + mebibytes(mem_limit) * (deploy?.replicas ?? 1),
      0,
    )
    expect(breaking(({ mem_limit }) => Number.isFinite(mebibytes(mem_limit)))).toEqual([])
    expect(sum).toBeLessThan(6 * 1_024)
  })
})

describe('the networks', () => {
  test('publish nothing but on this machine, and no store at all', () => {
    expect(breaking(({ ports }) => ports.every((port) => port.startsWith('127.0.0.1:')))).toEqual([])
    expect(stores.filter((name) => (compose.services[name]?.ports.length ?? 0) > 0)).toEqual([])
  })

  test('keep the stores where nothing outside can reach them', () => {
    expect(compose.networks['stores']).toEqual({ internal: true })
    expect(stores.map((name) => compose.services[name]?.networks)).toEqual(stores.map(() => ['stores']))
  })
})

describe('the configuration', () => {
  test('of Kafka fills in every placeholder of infra/kafka/server.properties', async () => {
    const properties = await readFile(join(root, 'infra/kafka/server.properties'), 'utf8')
    const placeholders = properties
      .split('\n')
      .filter((line) => !line.startsWith('#') && line.includes('${'))
      .map((line) => `KAFKA_${(line.split('=')[0] ?? '').replaceAll('.', '_').toUpperCase()}`)
    expect(placeholders.length).toBeGreaterThan(0)
    expect(Object.keys(compose.services['kafka']?.environment ?? {})).toEqual(expect.arrayContaining(placeholders))
  })

  test('uses the names of .env.example', () => {
    expect(compose.services['postgres']?.environment['POSTGRES_USER']).toBe(settings.POSTGRES_ADMIN_USER)
    expect(compose.services['clickhouse']?.environment['CLICKHOUSE_USER']).toBe(settings.CLICKHOUSE_ADMIN_USER)
    expect(compose.services['connector']?.environment).toMatchObject({
      POSTGRES_DATABASE: settings.POSTGRES_DATABASE,
      POSTGRES_REPLICATION_USER: settings.POSTGRES_REPLICATION_USER,
    })
  })

  test('holds no password', async () => {
    const text = await readFile(join(root, 'docker-compose.yml'), 'utf8')
    expect(text.match(/\w*PASSWORD\w*:.*/g)?.filter((line) => !/_FILE: \//.test(line))).toEqual([])
  })
})

describe('secrets', () => {
  const schemas: Readonly<Record<string, z.ZodType>> = {
    'orders-cdc': ordersSchema,
    'orders-dual-write': ordersSchema,
    'cache-updater': cacheUpdaterSchema,
    'search-indexer': searchIndexerSchema,
    'warehouse-loader': warehouseLoaderSchema,
    'order-processor': orderProcessorSchema,
    'orders-event-sourcing': ordersSchema,
    'cache-updater-event-sourcing': cacheUpdaterSchema,
    'search-indexer-event-sourcing': searchIndexerSchema,
    'warehouse-loader-event-sourcing': warehouseLoaderSchema,
    dashboard: dashboardSchema,
    queries: queriesSchema,
  }
  const defaults = (values: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')]),
    )
  let secrets: ReturnType<typeof secretsOf>
  beforeAll(() => {
    const job = jobSettingsSchema.parse({})
    secrets = { ...secretsOf(settings, job), ...eventSourcingSecretsOf(settings, job) }
  })

  test.each(Object.keys(schemas))('are all that %s needs beside its environment, and not one more', (name) => {
    const environment = defaults(compose.services[name]?.environment ?? {})
    const own = secrets[name] ?? {}
    const accepts = (variables: Readonly<Record<string, string>>): boolean =>
      schemas[name]?.safeParse({ ...environment, ...variables }).success ?? false
    expect(accepts(own)).toBe(true)
    const needless = Object.keys(own).filter((left) =>
      accepts(Object.fromEntries(Object.entries(own).filter(([variable]) => variable !== left))),
    )
    expect(needless).toEqual([])
  })

  test('are mounted where they are read, and nowhere else', () => {
    for (const name of Object.keys(secrets)) {
      const users = services.filter(([, { volumes }]) =>
        volumes.some((volume) => volume.startsWith(`${name}-secrets:`)),
      )
      expect(users.map(([user]) => user)).toEqual(['configure', name])
      expect(compose.services[name]?.volumes).toContain(`${name}-secrets:/run/driftlab:ro`)
      expect(compose.services[name]?.environment['SECRETS_DIR']).toBe('/run/driftlab')
    }
  })

  test('of administrators are given to the job that sets up a lane, and those that it does not make are not', () => {
    const given = Object.keys(secrets['event-sourcing-set-up'] ?? {}).filter((name) => name.endsWith('_PASSWORD'))
    expect(given).toEqual(['ELASTICSEARCH_ADMIN_PASSWORD', 'CLICKHOUSE_ADMIN_PASSWORD'])
  })

  test('of a store are given to the job that makes its users, and only those', async () => {
    const passwords = [...parseEnvironmentFile(await readFile(join(root, '.env.example'), 'utf8')).keys()].filter(
      (name) => name.endsWith('_PASSWORD'),
    )
    for (const [job, store] of [
      ['migrate', 'POSTGRES'],
      ['elasticsearch-set-up', 'ELASTICSEARCH'],
      ['clickhouse-set-up', 'CLICKHOUSE'],
    ] as const) {
      const given = Object.keys(secrets[job] ?? {}).filter((name) => name.endsWith('_PASSWORD'))
      expect(given).toEqual(passwords.filter((name) => name.startsWith(store)))
    }
  })
})
