/**
 * A container engine with compose, for tests: the machine's own where it has one, else a private one.
 *
 * Invariant: a private engine touches nothing of the machine's: its socket, data, state and plug-ins lie in folders of
 * its own, and what this process started it stops again, by its process id.
 */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CommandError, runCommand } from '../native/src/commands.ts'
import { LabError, messageOf } from '../native/src/errors.ts'
import type { Layout } from '../native/src/layout.ts'
import { findOnPath, requireOnPath } from '../native/src/tools.ts'

/** The plug-ins come from their Go modules, because that works wherever Go modules can be had. */
const plugins = {
  'docker-compose': {
    module: 'github.com/docker/compose/v5',
    version: 'v5.5.1',
    main: './cmd',
    versionVariable: 'github.com/docker/compose/v5/internal.Version',
  },
  'docker-buildx': {
    module: 'github.com/docker/buildx',
    version: 'v0.38.2',
    main: './cmd/buildx',
    versionVariable: 'github.com/docker/buildx/version.Version',
  },
} as const
type PluginName = keyof typeof plugins

const startDeadlineMs = 30_000

export interface EngineOptions {
  readonly layout: Layout
  readonly signal: AbortSignal
  readonly report: (line: string) => void
}

export interface DockerOptions {
  readonly signal?: AbortSignal
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly onLine?: (line: string) => void
}

export interface Engine {
  /** Whether it was started for us: then it is empty at first, and nobody else's containers are in it. */
  readonly isPrivate: boolean
  /** What a program needs in its environment to talk to it: DOCKER_HOST, DOCKER_CONFIG. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** @returns standard output. @throws {CommandError} with what docker says. */
  docker(args: readonly string[], options?: DockerOptions): Promise<string>
  /** @returns undefined when there is no such image. */
  imageId(image: string): Promise<string | undefined>
  /** @returns undefined when there is no such image, or it has no such label. */
  labelOf(image: string, label: string): Promise<string | undefined>
  /** Stops a private engine; a machine's own is left as it is. */
  close(): Promise<void>
}

/** @throws {LabError} `prerequisite-missing` that says why no engine can be had here. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const own = runningEngine(process.env)
  if (own !== undefined) return own

  assertPossible()
  await installEngine(options)
  const configFolder = join(options.layout.cacheDir, 'docker')
  for (const name of ['docker-compose', 'docker-buildx'] as const) await buildPlugin(name, configFolder, options)
  return startEngine(configFolder, options)
}

/** The machine's engine, if it answers and has compose. */
function runningEngine(environment: NodeJS.ProcessEnv): Engine | undefined {
  const answers = (args: readonly string[]): boolean =>
    spawnSync('docker', args, { env: environment, stdio: 'ignore', timeout: 10_000 }).status === 0
  if (!answers(['info']) || !answers(['compose', 'version'])) return undefined
  return engineOf(environment, { isPrivate: false, close: () => Promise.resolve() })
}

function assertPossible(): void {
  const hindrance =
    process.platform !== 'linux'
      ? `no engine answers, and one can be started only on Linux (this is ${process.platform})`
      : process.getuid?.() !== 0
        ? 'no engine answers, and starting one needs root'
        : !existsSync('/sys/fs/cgroup')
          ? 'no engine answers, and this machine has no cgroups, which one needs'
          : undefined
  if (hindrance !== undefined) throw new LabError('prerequisite-missing', `No container engine: ${hindrance}.`)
}

async function installEngine({ signal, report }: EngineOptions): Promise<void> {
  const missing = [
    ...(findOnPath('dockerd') === undefined ? ['docker.io'] : []),
    ...(findOnPath('iptables') === undefined ? ['iptables'] : []),
    ...(findOnPath('debootstrap') === undefined ? ['debootstrap'] : []),
  ]
  if (missing.length === 0) return
  if (findOnPath('apt-get') === undefined) {
    throw new LabError(
      'prerequisite-missing',
      `No container engine: ${missing.join(', ')} is missing, and so is apt-get.`,
    )
  }
  report(`installing ${missing.join(', ')}`)
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  // A package's own service must not start beside ours.
  const args = ['install', '-y', '--no-install-recommends', ...missing]
  try {
    await runCommand('apt-get', ['update', '-q'], { signal, environment })
    await runCommand('apt-get', args, { signal, environment: { ...environment, RUNLEVEL: '1' } })
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    throw new LabError('install-failed', `No container engine: it could not be installed.\n${error.message}`, {
      cause: error,
    })
  }
}

async function buildPlugin(
  name: PluginName,
  configFolder: string,
  { layout, signal, report }: EngineOptions,
): Promise<void> {
  const { module, version, main, versionVariable } = plugins[name]
  const target = join(configFolder, 'cli-plugins', name)
  const marker = `${target}.${version}`
  if (existsSync(marker)) return
  const go = requireOnPath('go', `building ${name}`, 'golang')
  report(`building ${name} ${version}, once (some minutes)`)
  const environment = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod' }
  const lines: string[] = []
  await runCommand(go, ['mod', 'download', '-json', `${module}@${version}`], {
    signal,
    environment,
    onLine: (line) => lines.push(line),
  })
  const source = /"Dir": "([^"]+)"/.exec(lines.join('\n'))?.[1]
  if (source === undefined) throw new LabError('install-failed', `Go did not say where it put ${module}.`)

  // Built from a copy of its own: the module has replace directives, and the cache of modules is read-only.
  const copy = join(layout.cacheDir, `${name}.partial`)
  await rm(copy, { recursive: true, force: true })
  await cp(source, copy, { recursive: true })
  await runCommand('chmod', ['-R', 'u+w', copy], { signal })
  await mkdir(join(configFolder, 'cli-plugins'), { recursive: true })
  const partial = `${target}.partial`
  await runCommand(
    go,
    ['build', '-trimpath', '-ldflags', `-s -w -X ${versionVariable}=${version}`, '-o', partial, main],
    { signal, environment, cwd: copy },
  )
  await rm(copy, { recursive: true, force: true })
  await rename(partial, target)
  await cp(target, marker)
}

async function startEngine(configFolder: string, { layout, signal, report }: EngineOptions): Promise<Engine> {
  const dockerd = findOnPath('dockerd')
  if (dockerd === undefined) throw new LabError('install-failed', 'No container engine: dockerd is still not there.')
  // The path of a socket may have 107 characters at most.
  const state = '/run/driftlab-engine'
  const data = join(layout.cacheDir, 'engine')
  const logFile = join(layout.logsDir, 'dockerd.log')
  const socket = join(state, 'docker.sock')
  await mkdir(state, { recursive: true, mode: 0o700 })
  await mkdir(layout.logsDir, { recursive: true })
  await mkdir(data, { recursive: true })
  // Only the addresses that Driftlab's networks need, away from those that a machine usually has.
  const args = [
    ...['--host', `unix://${socket}`, '--data-root', data, '--exec-root', join(state, 'exec')],
    ...['--pidfile', join(state, 'dockerd.pid'), '--bridge', 'none'],
    ...['--default-address-pool', 'base=172.29.0.0/16,size=24'],
  ]
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: configFolder,
    PATH: [process.env['PATH'], '/usr/sbin', '/sbin'].join(delimiter),
  }
  report('starting a container engine of our own')
  const log = openSync(logFile, 'w')
  const child = spawn(dockerd, args, { stdio: ['ignore', log, log], detached: true, env: environment })
  closeSync(log)
  let exit: string | undefined
  child.once('error', (error) => (exit = messageOf(error)))
  child.once('exit', (code, signalName) => (exit = String(code ?? signalName)))

  const close = async (): Promise<void> => {
    if (exit === undefined) child.kill('SIGTERM')
    for (let waited = 0; exit === undefined && waited < startDeadlineMs; waited += 100) await delay(100)
    child.unref()
  }
  const deadline = performance.now() + startDeadlineMs
  while (spawnSync('docker', ['info'], { env: environment, stdio: 'ignore' }).status !== 0) {
    signal.throwIfAborted()
    if (exit !== undefined || performance.now() > deadline) {
      await close()
      const tail = (await readFile(logFile, 'utf8')).split('\n').slice(-15).join('\n')
      throw new LabError(
        'prerequisite-missing',
        `No container engine: dockerd ${exit === undefined ? 'does not answer' : `ended with ${exit}`}. It says:\n${tail}`,
      )
    }
    await delay(250)
  }
  return engineOf(environment, { isPrivate: true, close })
}

function engineOf(environment: NodeJS.ProcessEnv, { isPrivate, close }: Pick<Engine, 'isPrivate' | 'close'>): Engine {
  const docker: Engine['docker'] = async (args, { signal, environment: further, onLine } = {}) => {
    const lines: string[] = []
    await runCommand('docker', args, {
      signal: signal ?? new AbortController().signal,
      cwd: process.cwd(),
      environment: { ...environment, ...further },
      onLine: (line) => {
        lines.push(line)
        onLine?.(line)
      },
    })
    return lines.join('\n')
  }
  const inspect = async (image: string, format: string): Promise<string | undefined> => {
    try {
      return await docker(['image', 'inspect', '--format', format, image])
    } catch (error) {
      if (error instanceof CommandError && /no such image/i.test(error.message)) return undefined
      throw error
    }
  }
  return {
    isPrivate,
    environment,
    docker,
    close,
    imageId: (image) => inspect(image, '{{.Id}}'),
    labelOf: async (image, label) => {
      const value = await inspect(image, `{{index .Config.Labels "${label}"}}`)
      return value === '' || value === '<no value>' ? undefined : value
    },
  }
}
