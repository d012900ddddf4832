/**
 * Makes what a component needs on disk before its first start: data folder, rendered configuration, ownership.
 *
 * Invariant: each step may be interrupted at any point and run again. What cannot be made in one stroke is made in a
 * folder named `.partial`, or has its end marked by a file, and begins anew when that is missing.
 */
import { existsSync } from 'node:fs'
import { chmod, chown, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { fileRealm } from '../../elasticsearch/file-realm.ts'
import { CommandError, runCommand } from './commands.ts'
import { LabError } from './errors.ts'
import type { Layout, UnprivilegedUser } from './layout.ts'
import { toxiproxyConfiguration } from './links.ts'
import type { Settings } from './settings.ts'
import { fillTemplate } from './template.ts'
import { findMariaDb, installedPaths, postgresHome } from './tools.ts'
import type { Preparation } from './topology.ts'

export interface PreparationContext {
  readonly layout: Layout
  readonly settings: Settings
  readonly javaHome: () => string
  readonly user: UnprivilegedUser | undefined
  /** The environment that the component itself will get. */
  readonly environment: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

const steps: Readonly<Record<Preparation, (context: PreparationContext) => Promise<void>>> = {
  postgres: preparePostgres,
  kafka: prepareKafka,
  connect: prepareConnect,
  redis: prepareRedis,
  elasticsearch: prepareElasticsearch,
  mariadb: prepareMariaDb,
  clickhouse: async (context) => {
    await makeFolder(join(context.layout.dataDir, 'clickhouse'))
  },
  links: async ({ layout, settings }) => {
    // Its process runs where its data would be, as all do.
    await makeFolder(join(layout.dataDir, 'links'))
    await makeFolder(join(layout.configDir, 'links'))
    await writePrivately(join(layout.configDir, 'links', 'toxiproxy.json'), toxiproxyConfiguration(settings))
  },
}

export async function prepare(preparation: Preparation, context: PreparationContext): Promise<void> {
  try {
    await steps[preparation](context)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    throw new LabError(
      'process-died',
      `${preparation} could not be made ready for its first start.\n${error.message}`,
      {
        cause: error,
      },
    )
  }
}

async function preparePostgres(context: PreparationContext): Promise<void> {
  const { layout, settings, user, signal } = context
  await copyConfiguration(context, 'postgres', ['postgresql.conf', 'pg_hba.conf'], user)
  const dataFolder = join(layout.dataDir, 'postgres')
  if (existsSync(join(dataFolder, 'PG_VERSION'))) return

  const partial = `${dataFolder}.partial`
  const passwordFile = join(layout.configDir, 'postgres', 'initial-password')
  await rm(partial, { recursive: true, force: true })
  await makeFolder(partial, user, 0o700)
  await writePrivately(passwordFile, `${settings.POSTGRES_ADMIN_PASSWORD}\n`, user)
  try {
    await runCommand(
      join(postgresHome(layout), 'bin/initdb'),
      [
        ...['-D', partial, '-U', settings.POSTGRES_ADMIN_USER, `--pwfile=${passwordFile}`],
        ...['--auth=scram-sha-256', '--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
        ...['--locale=C', '--data-checksums'],
      ],
      { signal, user, environment: { PATH: process.env['PATH'], LC_ALL: 'C' } },
    )
  } finally {
    await rm(passwordFile, { force: true })
  }
  await rename(partial, dataFolder)
}

async function prepareMariaDb(context: PreparationContext): Promise<void> {
  const { layout, settings, user, signal } = context
  await copyConfiguration(context, 'mariadb', ['mariadb.cnf'], user)
  const dataFolder = join(layout.dataDir, 'mariadb')
  if (existsSync(dataFolder)) return

  const programs = findMariaDb()
  if (programs === undefined) throw new LabError('prerequisite-missing', 'MariaDB is not installed.')
  const partial = `${dataFolder}.partial`
  await rm(partial, { recursive: true, force: true })
  await makeFolder(partial, user, 0o700)
  const options = { signal, user, cwd: partial, environment: { PATH: process.env['PATH'], LC_ALL: 'C' } }
  await runCommand(programs.installDb, ['--no-defaults', `--datadir=${partial}`, '--skip-test-db'], options)
  // The server without a network, which takes a statement a line. Afterwards there is one user, and it has a password.
  const administrator = `'${settings.MARIADB_ADMIN_USER}'@'%'`
  const statements = [
    `DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys'`,
    'DELETE FROM mysql.proxies_priv',
    'FLUSH PRIVILEGES',
    `CREATE USER ${administrator} IDENTIFIED BY '${settings.MARIADB_ADMIN_PASSWORD}'`,
    `GRANT ALL PRIVILEGES ON *.* TO ${administrator} WITH GRANT OPTION`,
  ]
  await runCommand(programs.server, ['--no-defaults', '--bootstrap', `--datadir=${partial}`], {
    ...options,
    input: statements.map((statement) => `${statement};\n`).join(''),
  })
  await rename(partial, dataFolder)
}

async function prepareKafka(context: PreparationContext): Promise<void> {
  const { layout, settings, signal } = context
  const dataFolder = join(layout.dataDir, 'kafka')
  await copyConfiguration(context, 'kafka', ['log4j2.properties'])
  const properties = await render(context, 'kafka', 'server.properties', { ...settings, KAFKA_DATA_PATH: dataFolder })

  const formatted = join(layout.dataDir, 'kafka.formatted')
  if (existsSync(formatted)) return
  await rm(dataFolder, { recursive: true, force: true })
  await makeFolder(dataFolder)
  // Kafka's own form of an id: 16 bytes in URL-safe base 64. Its tools take one that begins with - for an option.
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/u, 'A')
  await runCommand(
    join(context.javaHome(), 'bin/java'),
    [
      ...['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
      `-Dlog4j2.configurationFile=${join(layout.configDir, 'kafka/log4j2.properties')}`,
      ...['-cp', join(installedPaths(layout).kafkaLibDir, '*'), 'kafka.tools.StorageTool'],
      ...['format', '--cluster-id', clusterId, '--config', properties],
    ],
    { signal },
  )
  await writeFile(formatted, `${clusterId}\n`)
}

async function prepareConnect(context: PreparationContext): Promise<void> {
  const { layout, settings } = context
  const paths = installedPaths(layout)
  await makeFolder(join(layout.dataDir, 'connect'))
  await copyConfiguration(context, 'connect', ['log4j2.properties'])
  await render(context, 'connect', 'worker.properties', {
    ...settings,
    KAFKA_BROKERS: `${settings.LAB_HOST}:${settings.KAFKA_PORT}`,
    CONNECT_PLUGIN_PATH: [paths.connectPluginDir, paths.mariadbPluginDir].filter((path) => existsSync(path)).join(','),
  })
}

async function prepareRedis(context: PreparationContext): Promise<void> {
  await makeFolder(join(context.layout.dataDir, 'redis'))
  await copyConfiguration(context, 'redis', ['redis.conf'])
  await render(context, 'redis', 'users.acl', context.settings)
}

async function prepareElasticsearch(context: PreparationContext): Promise<void> {
  const { layout, settings, user, signal } = context
  const dataFolder = join(layout.dataDir, 'elasticsearch')
  const configFolder = join(layout.configDir, 'elasticsearch')
  await makeFolder(dataFolder, user, 0o700)
  await makeFolder(join(dataFolder, 'logs'), user)
  await makeFolder(join(dataFolder, 'tmp'), user)
  // Elasticsearch keeps its keystore beside its configuration, so the folder is its own.
  await makeFolder(configFolder, user, 0o700)
  await copyConfiguration(
    context,
    'elasticsearch',
    ['elasticsearch.yml', 'jvm.options', 'log4j2.properties', 'roles.yml'],
    user,
  )
  await makeFolder(join(configFolder, 'jvm.options.d'), user)
  const { users, users_roles } = fileRealm(settings)
  await writePrivately(join(configFolder, 'users'), users, user)
  await writePrivately(join(configFolder, 'users_roles'), users_roles, user)

  // The keystore counts only until the first start with it; later the password is in the cluster's own index.
  const marker = join(configFolder, 'keystore.made')
  if (existsSync(marker)) return
  await rm(join(configFolder, 'elasticsearch.keystore'), { force: true })
  const keystore = join(installedPaths(layout).elasticsearchHome, 'bin/elasticsearch-keystore')
  const environment = {
    ...context.environment,
    PATH: process.env['PATH'],
    ES_JAVA_HOME: context.javaHome(),
    CLI_JAVA_OPTS: '-XX:TieredStopAtLevel=1',
  }
  // Adding to a keystore that is not there creates it, so one start of a JVM does for both.
  await runCommand(keystore, ['add', '--stdin', '--force', 'bootstrap.password'], {
    signal,
    user,
    environment,
    cwd: dataFolder,
    input: settings.ELASTICSEARCH_ADMIN_PASSWORD,
  })
  await writeFile(marker, '')
}

/** Copies files of infra/<component> to where the component, and the user that runs it, can read them. */
async function copyConfiguration(
  { layout }: PreparationContext,
  component: Preparation,
  files: readonly string[],
  owner?: UnprivilegedUser,
): Promise<void> {
  await makeFolder(join(layout.configDir, component), owner)
  for (const file of files) {
    const target = join(layout.configDir, component, file)
    await cp(join(layout.root, 'infra', component, file), target)
    await own(target, owner)
  }
}

async function render(
  { layout }: PreparationContext,
  component: Preparation,
  file: string,
  values: Readonly<Record<string, string>>,
): Promise<string> {
  const target = join(layout.configDir, component, file)
  const template = await readFile(join(layout.root, 'infra', component, file), 'utf8')
  await makeFolder(dirname(target))
  await writePrivately(target, fillTemplate(template, values))
  return target
}

async function writePrivately(file: string, text: string, owner?: UnprivilegedUser): Promise<void> {
  await writeFile(file, text, { mode: 0o600 })
  await chmod(file, 0o600)
  await own(file, owner)
}

async function makeFolder(folder: string, owner?: UnprivilegedUser, mode = 0o755): Promise<void> {
  await mkdir(folder, { recursive: true })
  await chmod(folder, mode)
  await own(folder, owner)
}

async function own(path: string, owner: UnprivilegedUser | undefined): Promise<void> {
  if (owner !== undefined) await chown(path, owner.uid, owner.gid)
}
