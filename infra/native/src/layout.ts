/**
 * Where everything lies on this machine: the checkout, the laboratory's own folder, the cache of downloads, and the
 * unprivileged user for programs that refuse to run as root.
 *
 * Invariant: whatever an unprivileged program reads or writes lies where it can get to. A checkout under /root is out
 * of its reach, so then its data goes to /var/lib/driftlab/<hash> and its binaries to /var/cache/driftlab.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { LabError } from './errors.ts'

export const unprivilegedUserName = 'driftlab'

export interface UnprivilegedUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

export interface Layout {
  readonly root: string
  readonly envFile: string
  readonly exampleEnvFile: string
  /** State, logs and results; `.lab` unless LAB_DIR says otherwise. */
  readonly labDir: string
  readonly logsDir: string
  readonly stateDir: string
  /** The stores' data and their rendered configuration. */
  readonly dataDir: string
  readonly configDir: string
  /** Set when the data does not fit under `labDir`, so that a reset finds it. */
  readonly outsideHome: string | undefined
  readonly cacheDir: string
  readonly isRoot: boolean
}

const repositoryRoot = resolve(import.meta.dirname, '../../..')

/** Any uid without rights of its own stands in for the user until that exists: only "others" permissions count. */
const nobodyUid = 65_534

export function resolveLayout(environment: Readonly<Record<string, string | undefined>>): Layout {
  const isRoot = process.getuid?.() === 0
  const labDir = resolve(environment['LAB_DIR'] ?? join(repositoryRoot, '.lab'))
  const reachable = !isRoot || canReach(labDir)
  const outsideHome = reachable ? undefined : join('/var/lib/driftlab', shortHash(labDir))
  const home = outsideHome ?? labDir
  return {
    root: repositoryRoot,
    envFile: resolve(environment['LAB_ENV_FILE'] ?? join(repositoryRoot, '.env')),
    exampleEnvFile: join(repositoryRoot, '.env.example'),
    labDir,
    logsDir: join(labDir, 'logs'),
    stateDir: join(labDir, 'state'),
    dataDir: join(home, 'data'),
    configDir: join(home, 'config'),
    outsideHome,
    cacheDir: resolveCacheDir(environment, isRoot),
    isRoot,
  }
}

function resolveCacheDir(environment: Readonly<Record<string, string | undefined>>, isRoot: boolean): string {
  const xdg = environment['XDG_CACHE_HOME']
  const preferred = join(xdg === undefined || xdg === '' ? join(homedir(), '.cache') : resolve(xdg), 'driftlab')
  return !isRoot || canReach(preferred) ? preferred : '/var/cache/driftlab'
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/** Whether a user without rights can traverse to `path`, or to its nearest existing parent. Asked only as root. */
export function canReach(path: string): boolean {
  const existing = nearestExisting(path)
  const asked = spawnSync('test', ['-x', existing], { uid: nobodyUid, gid: nobodyUid, cwd: '/' })
  return asked.status === 0
}

function nearestExisting(path: string): string {
  return existsSync(path) || path === '/' ? path : nearestExisting(dirname(path))
}

/** The account for programs that refuse root, created when absent; undefined when we are not root ourselves. */
export function ensureUnprivilegedUser(layout: Layout): UnprivilegedUser | undefined {
  if (!layout.isRoot) return undefined
  const present = findUser(unprivilegedUserName)
  if (present !== undefined) return present
  const create = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', unprivilegedUserName]
  try {
    execFileSync('useradd', create, { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    // Two starts at once may both get here; the account is what counts, whoever made it.
    const made = findUser(unprivilegedUserName)
    if (made !== undefined) return made
    throw new LabError(
      'prerequisite-missing',
      'PostgreSQL and Elasticsearch refuse to run as root, and the account for them could not be created. ' +
        `Run by hand:\n  useradd ${create.join(' ')}\nor start Driftlab as an ordinary user.`,
      { cause: error },
    )
  }
  return findUser(unprivilegedUserName)
}

export function findUser(name: string): UnprivilegedUser | undefined {
  const asked = spawnSync('getent', ['passwd', name], { encoding: 'utf8' })
  const [, , uid, gid] = asked.status === 0 ? asked.stdout.trim().split(':') : []
  return uid === undefined || gid === undefined ? undefined : { name, uid: Number(uid), gid: Number(gid) }
}
