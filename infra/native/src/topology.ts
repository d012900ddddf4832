/**
 * The topology as data: what Driftlab is made of, in which order it comes up, and how one sees that a part is ready.
 *
 * Invariant: this module starts nothing and reads nothing; it turns settings and paths into plain values. Each
 * service is given only the addresses and the credentials that it needs.
 */
import { join } from 'node:path'
import { addresses } from './addresses.ts'
import { LabError } from './errors.ts'
import { areProxied, endpointsFor, links, type Link } from './links.ts'
import type { PortVariable, Settings } from './settings.ts'

/** What every laboratory is made of, whatever runs it. */
export const componentNames = [
  'postgres',
  'kafka',
  'connect',
  'redis',
  'elasticsearch',
  'clickhouse',
  'migrate',
  'kafka-topics',
  'elasticsearch-set-up',
  'clickhouse-set-up',
  'connector',
  'orders-cdc-1',
  'orders-cdc-2',
  'orders-dual-write-1',
  'orders-dual-write-2',
  'cache-updater',
  'search-indexer',
  'warehouse-loader',
  'queries',
] as const
/** What one experiment needs and nobody else: natively only, installed and started when it is named, and not before. */
export const mariadbNames = ['mariadb', 'mariadb-set-up'] as const
/** A lane of its own, for who wants to see it: started when it is named. */
export const eventSourcingNames = [
  'event-sourcing-set-up',
  'order-processor',
  'orders-event-sourcing',
  'cache-updater-event-sourcing',
  'search-indexer-event-sourcing',
  'warehouse-loader-event-sourcing',
] as const
/** Who watches: started with everything else by `make up`, and not for tests and measurements, which watch by themselves. */
export const watcherNames = ['auditor', 'dashboard'] as const
/** Who lets a person at the page drive load and break things: natively only, for it acts on processes. */
export const controlNames = ['controls'] as const
/** The proxies that stand between services and stores, where the settings want them: whoever goes through one needs it. */
export const linkNames = ['links'] as const
export const onDemandNames = [
  ...mariadbNames,
  ...eventSourcingNames,
  ...watcherNames,
  ...controlNames,
  ...linkNames,
] as const
export type ComponentName = (typeof componentNames)[number] | (typeof onDemandNames)[number]

export function isOnDemand(name: ComponentName): boolean {
  return onDemandNames.some((onDemand) => onDemand === name)
}

/** A program by its role; where it lies on this machine is found out when it is started. */
export type Tool = 'node' | 'java' | 'postgres' | 'redis-server' | 'elasticsearch' | 'mariadbd' | 'toxiproxy'

/** A question whose answer says that the component does its work, not merely that its port is open. */
export type Probe =
  | { readonly type: 'http'; readonly url: string; readonly user?: string; readonly password?: string }
  | { readonly type: 'postgres'; readonly url: string }
  | { readonly type: 'kafka'; readonly host: string; readonly port: number }
  | {
      readonly type: 'redis' | 'mariadb'
      readonly host: string
      readonly port: number
      readonly user: string
      readonly password: string
    }

/** What must be on disk before the first start: data folders and rendered configuration. See prepare.ts. */
export type Preparation =
  'postgres' | 'kafka' | 'connect' | 'redis' | 'elasticsearch' | 'clickhouse' | 'mariadb' | 'links'

export interface Port {
  readonly variable: PortVariable
  readonly port: number
}

interface Common {
  readonly name: ComponentName
  readonly dependsOn: readonly ComponentName[]
  readonly tool: Tool
  readonly args: readonly string[]
  /** The whole environment of the process, beside PATH, HOME and the like. */
  readonly environment: Readonly<Record<string, string>>
}

export interface ProcessComponent extends Common {
  readonly kind: 'process'
  /** Counted from 1; in the topology always 1, since further ones come and go while it runs. */
  readonly instance: number
  /** `unprivileged`: never root, because the program refuses to. */
  readonly runAs: 'invoker' | 'unprivileged'
  readonly preparation?: Preparation
  /** The first port is the one that clients use. */
  readonly ports: readonly [Port, ...Port[]]
  readonly scheme: 'http' | 'redis' | 'postgres' | 'kafka' | 'mariadb'
  readonly probe: Probe
  readonly readyDeadlineMs: number
  readonly stopSignal: 'SIGTERM' | 'SIGINT'
  readonly stopDeadlineMs: number
}

/** Runs to its end at every start; each is idempotent. */
export interface JobComponent extends Common {
  readonly kind: 'job'
  readonly deadlineMs: number
  /** Where the connector runs that it registers. */
  readonly connectUrl?: string
}

export type Component = ProcessComponent | JobComponent

/** The folders that commands mention; layout.ts and install.ts decide where they are. */
export interface TopologyPaths {
  readonly root: string
  readonly labDir: string
  readonly envFile: string
  readonly dataDir: string
  readonly configDir: string
  readonly cacheDir: string
  readonly kafkaLibDir: string
}

/** Of the JVMs of Kafka and Connect: one thread collects, because neither makes much garbage and both share two cores. */
const commonJvmFlags = [
  '-XX:+UseSerialGC',
  '-XX:+ExitOnOutOfMemoryError',
  '-XX:ReservedCodeCacheSize=64m',
  '-XX:-UsePerfData',
  '-Xshare:auto',
  '-XX:+AutoCreateSharedArchive',
  '-Xlog:cds=off',
  '-Xlog:cds+dynamic=off',
  '-Djava.awt.headless=true',
] as const

export function buildTopology(settings: Settings, paths: TopologyPaths): readonly Component[] {
  const host = settings.LAB_HOST
  const url = addresses(settings)
  const linked = areProxied(settings) ? linkNames : []
  const data = (name: string): string => join(paths.dataDir, name)
  const config = (...parts: readonly string[]): string => join(paths.configDir, ...parts)

  const jvm = (name: string, heapMib: number, mainClass: string, args: readonly string[]): readonly string[] => [
    `-Xms${Math.min(heapMib, 128)}m`,
    `-Xmx${heapMib}m`,
    ...commonJvmFlags,
    // Written when the process ends, read at its next start: classes come loaded and verified.
    `-XX:SharedArchiveFile=${join(paths.cacheDir, `${name}.jsa`)}`,
    `-Dlog4j2.configurationFile=${config(name, 'log4j2.properties')}`,
    '-cp',
    join(paths.kafkaLibDir, '*'),
    mainClass,
    ...args,
  ]

  // Modules compiled and stripped of their types: cache-updater starts with 0.42 s of processor time instead of 0.63 s.
  // Node writes them when a process ends, each version and user apart, and does without where it may not write.
  const compiled = { NODE_COMPILE_CACHE: join(paths.root, 'node_modules/.cache/node') }

  const process = (
    component: Pick<ProcessComponent, 'name' | 'dependsOn' | 'tool' | 'args' | 'ports' | 'scheme' | 'probe'> &
      Partial<ProcessComponent>,
  ): ProcessComponent => ({
    kind: 'process',
    instance: 1,
    runAs: 'invoker',
    environment: {},
    readyDeadlineMs: 90_000,
    stopSignal: 'SIGTERM',
    stopDeadlineMs: 20_000,
    ...component,
  })

  const job = (name: ComponentName, script: string, dependsOn: readonly ComponentName[]): JobComponent => ({
    kind: 'job',
    name,
    dependsOn,
    tool: 'node',
    args: [join(paths.root, script)],
    environment: { ...settings, ...compiled },
    deadlineMs: 120_000,
  })

  const service = (options: {
    name: ComponentName
    folder: string
    variable: PortVariable
    dependsOn: readonly ComponentName[]
    environment: Readonly<Record<string, string>>
    args?: readonly string[]
    probePath?: '/ready' | '/live'
  }): ProcessComponent => {
    const port = Number(settings[options.variable])
    return process({
      name: options.name,
      dependsOn: options.dependsOn,
      tool: 'node',
      args: [...nodeMemoryFlags, join(paths.root, 'services', options.folder, 'src/main.ts'), ...(options.args ?? [])],
      environment: {
        HOST: host,
        PORT: String(port),
        LOG_LEVEL: settings.LOG_LEVEL,
        ...options.environment,
        ...compiled,
      },
      ports: [{ variable: options.variable, port }],
      scheme: 'http',
      probe: { type: 'http', url: `http://${host}:${port}${options.probePath ?? '/ready'}` },
      stopDeadlineMs: 25_000,
    })
  }

  const from = (name: Link['from']): ReturnType<typeof addresses> => addresses(settings, endpointsFor(name, settings))
  const at = (variable: PortVariable): string => `http://${host}:${settings[variable]}`
  const port = (variable: PortVariable): Port => ({ variable, port: Number(settings[variable]) })

  return [
    process({
      name: 'postgres',
      dependsOn: [],
      tool: 'postgres',
      args: [
        ...['-D', data('postgres'), '-h', host, '-p', settings.POSTGRES_PORT],
        ...['-c', `config_file=${config('postgres', 'postgresql.conf')}`],
        ...['-c', `hba_file=${config('postgres', 'pg_hba.conf')}`],
      ],
      runAs: 'unprivileged',
      preparation: 'postgres',
      ports: [port('POSTGRES_PORT')],
      scheme: 'postgres',
      probe: { type: 'postgres', url: url.postgres('ADMIN', 'postgres') },
      // "Fast" shutdown: open transactions are rolled back. SIGTERM would wait for the last client to leave.
      stopSignal: 'SIGINT',
    }),
    process({
      name: 'kafka',
      dependsOn: [],
      tool: 'java',
      args: jvm('kafka', 320, 'kafka.Kafka', [config('kafka', 'server.properties')]),
      preparation: 'kafka',
      ports: [port('KAFKA_PORT'), port('KAFKA_CONTROLLER_PORT')],
      scheme: 'kafka',
      probe: { type: 'kafka', host, port: Number(settings.KAFKA_PORT) },
    }),
    process({
      name: 'connect',
      dependsOn: ['kafka'],
      tool: 'java',
      args: jvm('connect', 384, 'org.apache.kafka.connect.cli.ConnectDistributed', [
        config('connect', 'worker.properties'),
      ]),
      environment: {
        LAB_HOST: host,
        POSTGRES_PORT: settings.POSTGRES_PORT,
        POSTGRES_DATABASE: settings.POSTGRES_DATABASE,
        POSTGRES_REPLICATION_USER: settings.POSTGRES_REPLICATION_USER,
        POSTGRES_REPLICATION_PASSWORD: settings.POSTGRES_REPLICATION_PASSWORD,
        MARIADB_REPLICATION_PASSWORD: settings.MARIADB_REPLICATION_PASSWORD,
      },
      preparation: 'connect',
      ports: [port('CONNECT_PORT')],
      scheme: 'http',
      probe: { type: 'http', url: `http://${host}:${settings.CONNECT_PORT}/health` },
    }),
    process({
      name: 'redis',
      dependsOn: [],
      tool: 'redis-server',
      args: [
        config('redis', 'redis.conf'),
        ...['--bind', host, '--port', settings.REDIS_PORT, '--dir', data('redis')],
        ...['--aclfile', config('redis', 'users.acl')],
      ],
      preparation: 'redis',
      ports: [port('REDIS_PORT')],
      scheme: 'redis',
      probe: {
        type: 'redis',
        host,
        port: Number(settings.REDIS_PORT),
        user: settings.REDIS_ADMIN_USER,
        password: settings.REDIS_ADMIN_PASSWORD,
      },
    }),
    process({
      name: 'elasticsearch',
      dependsOn: [],
      tool: 'elasticsearch',
      args: [],
      environment: {
        LAB_HOST: host,
        ELASTICSEARCH_PORT: settings.ELASTICSEARCH_PORT,
        ELASTICSEARCH_TRANSPORT_PORT: settings.ELASTICSEARCH_TRANSPORT_PORT,
        ELASTICSEARCH_DATA_PATH: data('elasticsearch'),
        ELASTICSEARCH_LOGS_PATH: join(data('elasticsearch'), 'logs'),
        ES_PATH_CONF: config('elasticsearch'),
        ES_TMPDIR: join(data('elasticsearch'), 'tmp'),
      },
      runAs: 'unprivileged',
      // Of all components it loads the most code; on a machine that is busy otherwise it takes minutes.
      readyDeadlineMs: 240_000,
      preparation: 'elasticsearch',
      ports: [port('ELASTICSEARCH_PORT'), port('ELASTICSEARCH_TRANSPORT_PORT')],
      scheme: 'http',
      probe: {
        type: 'http',
        url: `http://${host}:${settings.ELASTICSEARCH_PORT}/_cluster/health?wait_for_status=yellow&timeout=1s`,
        user: settings.ELASTICSEARCH_ADMIN_USER,
        password: settings.ELASTICSEARCH_ADMIN_PASSWORD,
      },
    }),
    process({
      name: 'clickhouse',
      dependsOn: [],
      tool: 'node',
      args: ['--max-old-space-size=192', smallYoungGeneration, join(paths.root, 'infra/native/clickhouse/main.ts')],
      environment: {
        HOST: host,
        PORT: settings.CLICKHOUSE_PORT,
        LOG_LEVEL: settings.LOG_LEVEL,
        CLICKHOUSE_DATA_PATH: data('clickhouse'),
        CLICKHOUSE_ADMIN_USER: settings.CLICKHOUSE_ADMIN_USER,
        CLICKHOUSE_ADMIN_PASSWORD: settings.CLICKHOUSE_ADMIN_PASSWORD,
        ...compiled,
      },
      preparation: 'clickhouse',
      ports: [port('CLICKHOUSE_PORT')],
      scheme: 'http',
      probe: {
        type: 'http',
        url: `http://${host}:${settings.CLICKHOUSE_PORT}/?query=SELECT%201`,
        user: settings.CLICKHOUSE_ADMIN_USER,
        password: settings.CLICKHOUSE_ADMIN_PASSWORD,
      },
    }),
    process({
      name: 'mariadb',
      dependsOn: [],
      tool: 'mariadbd',
      args: [
        `--defaults-file=${config('mariadb', 'mariadb.cnf')}`,
        ...[`--datadir=${data('mariadb')}`, `--bind-address=${host}`, `--port=${settings.MARIADB_PORT}`],
      ],
      runAs: 'unprivileged',
      preparation: 'mariadb',
      ports: [port('MARIADB_PORT')],
      scheme: 'mariadb',
      probe: {
        type: 'mariadb',
        host,
        port: Number(settings.MARIADB_PORT),
        user: settings.MARIADB_ADMIN_USER,
        password: settings.MARIADB_ADMIN_PASSWORD,
      },
    }),

    process({
      name: 'links',
      dependsOn: [],
      tool: 'toxiproxy',
      args: ['-host', host, '-port', settings.LINKS_PORT, '-config', config('links', 'toxiproxy.json')],
      environment: { LOG_LEVEL: 'warn' },
      preparation: 'links',
      ports: [port('LINKS_PORT'), ...links.map((link) => port(link.port))],
      scheme: 'http',
      // It starts without what it cannot make of its configuration, and makes the links in their order.
      probe: { type: 'http', url: `${at('LINKS_PORT')}/proxies/${links.at(-1)?.name ?? ''}` },
    }),

    job('migrate', 'infra/postgres/migrate.ts', ['postgres']),
    job('kafka-topics', 'infra/kafka/create-topics.ts', ['kafka']),
    job('elasticsearch-set-up', 'infra/elasticsearch/set-up.ts', ['elasticsearch']),
    job('clickhouse-set-up', 'infra/clickhouse/set-up.ts', ['clickhouse']),
    job('event-sourcing-set-up', 'infra/event-sourcing/set-up.ts', ['kafka', 'elasticsearch', 'clickhouse-set-up']),
    job('mariadb-set-up', 'infra/mariadb/set-up.ts', ['mariadb']),
    {
      ...job('connector', 'infra/connect/register.ts', ['connect', 'migrate', 'kafka-topics']),
      connectUrl: `http://${host}:${settings.CONNECT_PORT}`,
    },

    ...(['1', '2'] as const).map((instance) =>
      service({
        name: `orders-cdc-${instance}`,
        folder: 'orders',
        variable: `ORDERS_CDC_${instance}_PORT`,
        dependsOn: ['migrate'],
        environment: { WRITE_STRATEGY: 'cdc', LANE: 'cdc', POSTGRES_URL: url.postgres('ORDERS') },
      }),
    ),
    ...(['1', '2'] as const).map((instance) =>
      service({
        name: `orders-dual-write-${instance}`,
        folder: 'orders',
        variable: `ORDERS_DUAL_WRITE_${instance}_PORT`,
        dependsOn: ['migrate', 'redis', 'elasticsearch-set-up', 'clickhouse-set-up', ...linked],
        environment: {
          WRITE_STRATEGY: 'dual-write',
          LANE: 'dual-write',
          POSTGRES_URL: url.postgres('ORDERS'),
          REDIS_URL: from('orders-dual-write').redis('ORDERS'),
          ELASTICSEARCH_URL: from('orders-dual-write').elasticsearch('ORDERS'),
          CLICKHOUSE_URL: from('orders-dual-write').clickhouse('ORDERS'),
        },
      }),
    ),
    service({
      name: 'cache-updater',
      folder: 'cache-updater',
      variable: 'CACHE_UPDATER_PORT',
      dependsOn: ['kafka-topics', 'redis', ...linked],
      environment: { ...sinkEnvironment(settings), REDIS_URL: from('cache-updater').redis('CACHE_UPDATER') },
    }),
    service({
      name: 'search-indexer',
      folder: 'search-indexer',
      variable: 'SEARCH_INDEXER_PORT',
      dependsOn: ['kafka-topics', 'elasticsearch-set-up', ...linked],
      environment: {
        ...sinkEnvironment(settings),
        ELASTICSEARCH_URL: from('search-indexer').elasticsearch('SEARCH_INDEXER'),
      },
    }),
    service({
      name: 'warehouse-loader',
      folder: 'warehouse-loader',
      variable: 'WAREHOUSE_LOADER_PORT',
      dependsOn: ['kafka-topics', 'clickhouse-set-up', ...linked],
      environment: {
        ...sinkEnvironment(settings),
        CLICKHOUSE_URL: from('warehouse-loader').clickhouse('WAREHOUSE_LOADER'),
      },
    }),
    service({
      name: 'queries',
      folder: 'queries',
      variable: 'QUERIES_PORT',
      dependsOn: ['migrate', 'redis', 'elasticsearch-set-up', 'clickhouse-set-up'],
      environment: {
        LANES: 'cdc,dual-write,event-sourcing',
        KAFKA_BROKERS: url.kafkaBrokers,
        POSTGRES_URL: url.postgres('QUERIES'),
        REDIS_URL: url.redis('QUERIES'),
        ELASTICSEARCH_URL: url.elasticsearch('QUERIES'),
        CLICKHOUSE_URL: url.clickhouse('QUERIES'),
      },
    }),

    service({
      name: 'order-processor',
      folder: 'order-processor',
      variable: 'ORDER_PROCESSOR_PORT',
      dependsOn: ['event-sourcing-set-up'],
      environment: { LANE: 'event-sourcing', KAFKA_BROKERS: url.kafkaBrokers, STATE_DIR: data('order-processor') },
    }),
    service({
      name: 'orders-event-sourcing',
      folder: 'orders',
      variable: 'ORDERS_EVENT_SOURCING_PORT',
      dependsOn: ['order-processor'],
      environment: {
        WRITE_STRATEGY: 'event-sourcing',
        LANE: 'event-sourcing',
        KAFKA_BROKERS: url.kafkaBrokers,
        ELASTICSEARCH_URL: url.elasticsearch('ORDERS'),
      },
    }),
    service({
      name: 'cache-updater-event-sourcing',
      folder: 'cache-updater',
      variable: 'CACHE_UPDATER_EVENT_SOURCING_PORT',
      dependsOn: ['event-sourcing-set-up', 'redis'],
      environment: { ...eventSinkEnvironment(settings), REDIS_URL: url.redis('CACHE_UPDATER') },
    }),
    service({
      name: 'search-indexer-event-sourcing',
      folder: 'search-indexer',
      variable: 'SEARCH_INDEXER_EVENT_SOURCING_PORT',
      dependsOn: ['event-sourcing-set-up'],
      environment: { ...eventSinkEnvironment(settings), ELASTICSEARCH_URL: url.elasticsearch('SEARCH_INDEXER') },
    }),
    service({
      name: 'warehouse-loader-event-sourcing',
      folder: 'warehouse-loader',
      variable: 'WAREHOUSE_LOADER_EVENT_SOURCING_PORT',
      dependsOn: ['event-sourcing-set-up'],
      environment: { ...eventSinkEnvironment(settings), CLICKHOUSE_URL: url.clickhouse('WAREHOUSE_LOADER') },
    }),

    service({
      name: 'auditor',
      folder: 'auditor',
      variable: 'AUDITOR_PORT',
      dependsOn: ['migrate', 'kafka-topics', 'redis', 'elasticsearch-set-up', 'clickhouse-set-up'],
      environment: {
        POSTGRES_URL: url.postgres('AUDITOR'),
        REDIS_URL: url.redis('AUDITOR'),
        ELASTICSEARCH_URL: url.elasticsearch('AUDITOR'),
        CLICKHOUSE_URL: url.clickhouse('AUDITOR'),
        KAFKA_BROKERS: url.kafkaBrokers,
      },
      args: ['--continuous'],
      // It is ready when its first audit has ended, which nobody has to wait for.
      probePath: '/live',
    }),
    service({
      name: 'dashboard',
      folder: 'dashboard',
      variable: 'DASHBOARD_PORT',
      dependsOn: ['auditor'],
      environment: {
        ORDERS_CDC_URLS: [at('ORDERS_CDC_1_PORT'), at('ORDERS_CDC_2_PORT')].join(','),
        ORDERS_DUAL_WRITE_URLS: [at('ORDERS_DUAL_WRITE_1_PORT'), at('ORDERS_DUAL_WRITE_2_PORT')].join(','),
        CACHE_UPDATER_URL: at('CACHE_UPDATER_PORT'),
        SEARCH_INDEXER_URL: at('SEARCH_INDEXER_PORT'),
        WAREHOUSE_LOADER_URL: at('WAREHOUSE_LOADER_PORT'),
        AUDITOR_URL: at('AUDITOR_PORT'),
        CONTROLS_URL: at('CONTROLS_PORT'),
      },
    }),
    process({
      name: 'controls',
      dependsOn: linked,
      tool: 'node',
      args: [...nodeMemoryFlags, join(paths.root, 'infra/controls/main.ts')],
      environment: {
        PORT: settings.CONTROLS_PORT,
        LOG_LEVEL: settings.LOG_LEVEL,
        CONTROLS_TOKEN: settings.CONTROLS_TOKEN,
        LAB_DIR: paths.labDir,
        LAB_ENV_FILE: paths.envFile,
        ...(areProxied(settings) ? { LINKS_URL: at('LINKS_PORT') } : {}),
        ...compiled,
      },
      ports: [port('CONTROLS_PORT')],
      scheme: 'http',
      probe: { type: 'http', url: `${at('CONTROLS_PORT')}/ready` },
    }),
  ]
}

/**
 * The young generation has room for a batch in flight: with half of it the collector copies each batch twice while its
 * store writes. Node's own default touches 128 MiB in a circle, most of them pages that are cold by then.
 */
const smallYoungGeneration = '--max-semi-space-size=16'
/** Small heaps: what a service holds is bounded by design, and a leak should show early. */
export const nodeMemoryFlags = ['--max-old-space-size=128', smallYoungGeneration] as const

function sinkEnvironment(settings: Settings): Readonly<Record<string, string>> {
  return {
    LANE: 'cdc',
    TOPIC_EPOCH: settings.TOPIC_EPOCH,
    KAFKA_BROKERS: `${settings.LAB_HOST}:${settings.KAFKA_PORT}`,
  }
}

function eventSinkEnvironment(settings: Settings): Readonly<Record<string, string>> {
  return { ...sinkEnvironment(settings), LANE: 'event-sourcing', RECORD_FORMAT: 'domain-event' }
}

/** The named components and all that they need, each after what it depends on. */
export function withDependencies(
  topology: readonly Component[],
  names: readonly ComponentName[],
): readonly Component[] {
  const ordered: Component[] = []
  const visit = (name: ComponentName, path: readonly ComponentName[]): void => {
    if (path.includes(name)) throw new Error(`The topology has a circle: ${[...path, name].join(' -> ')}`)
    const component = findComponent(topology, name)
    for (const dependency of component.dependsOn) visit(dependency, [...path, name])
    if (!ordered.includes(component)) ordered.push(component)
  }
  for (const name of names) visit(name, [])
  return ordered
}

export function findComponent(topology: readonly Component[], name: string): Component {
  const found = topology.find((component) => component.name === name)
  if (found !== undefined) return found
  throw new LabError(
    'unknown-component',
    `There is no component named ${name}. There are: ${topology.map((component) => component.name).join(', ')}.`,
  )
}
