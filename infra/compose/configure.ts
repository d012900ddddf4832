/**
 * Makes what the containers are started with: each store's configuration and each process's secrets, every one in a
 * folder of its own, which compose mounts into that container and no other. The first thing that runs at every start.
 *
 * Invariant: a password is made once and stays, because the stores' data was made with it; everything else is written
 * anew, so that a newer version of this repository brings its configuration along. Nothing secret is in the image, in
 * the compose file or in an environment that `docker inspect` shows.
 *
 * It also says at once, in words, what would otherwise show as containers that die one after another: too little memory.
 */
import { chmod, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { runJob, type Report } from '@driftlab/service'
import { fileRealm } from '../elasticsearch/file-realm.ts'
import { loadSettings, type Settings } from '../native/src/settings.ts'
import { fillTemplate } from '../native/src/template.ts'
import { eventSourcingSecretsOf, jobSettingsSchema, secretsOf, type Files, type JobSettings } from './secrets.ts'

/** Owner only, for programs that refuse a secret which others may read; they run as this job's user. */
const ownerOnly = 0o400
/** The folder is one container's alone, whatever user that runs as. */
const readable = 0o444

const infra = join(import.meta.dirname, '..')

async function configure(job: JobSettings, report: Report): Promise<void> {
  assertMemory(job.MEMORY_MIN_MIB)
  const folder = (...parts: readonly string[]): string => join(job.CONFIGURATION_DIR, ...parts)
  const settings = await loadSettings({
    file: folder('passwords', 'settings.env'),
    exampleFile: join(infra, '../.env.example'),
  })

  const secrets = { ...secretsOf(settings, job), ...eventSourcingSecretsOf(settings, job) }
  for (const [name, files] of Object.entries(secrets)) {
    for (const [variable, value] of Object.entries(files)) await write(folder(name, variable), value, readable)
  }

  await write(folder('postgres', 'admin-password'), settings.POSTGRES_ADMIN_PASSWORD, readable)
  await write(folder('redis', 'users.acl'), await rendered('redis/users.acl', settings), readable)
  await write(folder('redis', 'admin-password'), settings.REDIS_ADMIN_PASSWORD, readable)
  await write(folder('clickhouse', 'admin-password'), settings.CLICKHOUSE_ADMIN_PASSWORD, readable)
  await write(folder('connect', 'replication-password'), settings.POSTGRES_REPLICATION_PASSWORD, readable)
  await write(
    folder('connect', 'worker.properties'),
    await rendered('connect/worker.properties', {
      LAB_HOST: 'connect',
      KAFKA_BROKERS: job.KAFKA_ENDPOINT,
      CONNECT_PORT: String(job.CONNECT_PORT),
      CONNECT_PLUGIN_PATH: job.CONNECT_PLUGIN_PATH,
    }),
    readable,
  )
  await configureElasticsearch(folder('elasticsearch'), settings)
  report('every container has its configuration and its secrets')
}

/** Elasticsearch keeps its keystore beside its configuration: the folder must be its own, and stays as it made it. */
async function configureElasticsearch(folder: string, settings: Settings): Promise<void> {
  await mkdir(join(folder, 'jvm.options.d'), { recursive: true })
  for (const file of ['elasticsearch.yml', 'jvm.options', 'log4j2.properties', 'roles.yml']) {
    await cp(join(infra, 'elasticsearch', file), join(folder, file), { force: true })
  }
  const { users, users_roles } = fileRealm(settings)
  await write(join(folder, 'users'), users, ownerOnly)
  await write(join(folder, 'users_roles'), users_roles, ownerOnly)
  await write(join(folder, 'admin-password'), settings.ELASTICSEARCH_ADMIN_PASSWORD, ownerOnly)
}

async function rendered(template: string, values: Files): Promise<string> {
  return fillTemplate(await readFile(join(infra, template), 'utf8'), values)
}

/** Replaces the file in one stroke: a container that reads it meanwhile sees the old one or the new one. */
async function write(file: string, text: string, mode: number): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true })
  const partial = `${file}.partial`
  await rm(partial, { force: true })
  await writeFile(partial, text, { mode })
  await chmod(partial, mode)
  await rename(partial, file)
}

/** @throws when the engine's machine has less than all containers together may use. */
function assertMemory(minMib: number): void {
  const mib = Math.round(totalmem() / 2 ** 20)
  if (mib >= minMib) return
  throw new Error(
    `The container engine has ${mib} MiB of memory; all of Driftlab needs ${minMib} MiB. Give it more (Docker Desktop: ` +
      'Settings, Resources), or set MEMORY_MIN_MIB=0 to try it all the same.',
  )
}

await runJob({
  name: 'configure',
  environment: process.env,
  schema: jobSettingsSchema,
  run: configure,
  hint: 'If the volumes are of an older installation, docker compose down --volumes removes them, with all data.',
})
