/**
 * A container engine with compose, for tests: the machine's own where it has one, else a private one.
 *
 * Invariant: a private engine has its socket, data, state and plug-ins in folders of its own, and what this process
 * started it stops again. At most one runs on a machine, and never beside another dockerd: the firewall is common to
 * all, and each dockerd, when it starts, throws away the rules that it finds under its names.
 */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CommandError, runCommand } from '../native/src/commands.ts'
import { LabError, messageOf, systemErrorCode } from '../native/src/errors.ts'
import type { Layout } from '../native/src/layout.ts'
import { commandOf, identify, isAlive, signal as signalProcess } from '../native/src/processes.ts'
import { findOnPath } from '../native/src/tools.ts'
import { installPackages } from './packages.ts'
import { ensurePlugins, isComposeNewEnough } from './plugins.ts'

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
  /** Whether it is one of ours: then nobody else's containers are in it. */
  readonly isPrivate: boolean
  /** What a program needs in its environment to talk to it: DOCKER_HOST, DOCKER_CONFIG. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** @returns standard output. @throws {CommandError} with what docker says. */
  docker(args: readonly string[], options?: DockerOptions): Promise<string>
  /** @returns undefined when there is no such image. */
  imageId(image: string): Promise<string | undefined>
  /** @returns undefined when there is no such image, or it has no such label. */
  labelOf(image: string, label: string): Promise<string | undefined>
  /** Stops what this process started; an engine that ran before is left as it is. */
  close(): Promise<void>
}

// The path of a socket may have 107 characters at most, so it is not in the laboratory's folder.
const stateFolder = '/run/driftlab-engine'
const privateSocket = join(stateFolder, 'docker.sock')
const privateHost = `unix://${privateSocket}`
const pidFile = join(stateFolder, 'dockerd.pid')
const startDeadlineMs = 30_000
/** dockerd gives its containers 15 s of this. */
const stopDeadlineMs = 60_000

/** @throws {LabError} `prerequisite-missing`, which says why no engine can be had here. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const running = await runningEngine(options)
  if (running !== undefined) return running

  assertPossible()
  if (await installEngine(options)) {
    // On a machine with systemd, the package has started an engine.
    const installed = await runningEngine(options)
    if (installed !== undefined) return installed
  }
  const other = otherDaemon()
  if (other !== undefined) {
    throw new LabError(
      'prerequisite-missing',
      `No container engine: dockerd runs here (process ${other}) but does not answer to docker, and a second one would ` +
        'delete its firewall rules. Set DOCKER_HOST to its address, or stop it.',
    )
  }
  return startEngine(await ensurePlugins(options), options)
}

/** Stops the private engine, whoever started it. @returns whether there was one. */
export async function stopPrivateEngine(): Promise<boolean> {
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : Number.NaN
  const identity = Number.isInteger(pid) ? identify(pid) : undefined
  if (identity === undefined || commandOf(pid)?.includes(privateSocket) !== true) return false
  signalProcess(identity, 'SIGTERM')
  for (let waited = 0; isAlive(identity) && waited < stopDeadlineMs; waited += 100) await delay(100)
  if (isAlive(identity)) {
    throw new LabError('process-died', `The private engine (process ${pid}) does not stop; its log tells why.`)
  }
  return true
}

/** The machine's engine, with its own compose or with ours; or a private one that runs already. */
async function runningEngine(options: EngineOptions): Promise<Engine | undefined> {
  const as = (environment: NodeJS.ProcessEnv): Engine =>
    engineOf(environment, { isPrivate: environment['DOCKER_HOST'] === privateHost, close: () => Promise.resolve() })
  if (answers(process.env)) {
    if (hasPlugins(process.env)) return as(process.env)
    const DOCKER_HOST = process.env['DOCKER_HOST'] ?? contextHost(process.env)
    return as({ ...process.env, DOCKER_HOST, DOCKER_CONFIG: await ensurePlugins(options) })
  }
  const isOurs = existsSync(privateSocket) && answers({ ...process.env, DOCKER_HOST: privateHost })
  return isOurs ? as(privateEnvironment(await ensurePlugins(options))) : undefined
}

function answers(environment: NodeJS.ProcessEnv): boolean {
  return ask(environment, ['version', '--format', '{{.Server.Version}}']) !== undefined
}

function hasPlugins(environment: NodeJS.ProcessEnv): boolean {
  const compose = ask(environment, ['compose', 'version', '--short'])
  return compose !== undefined && isComposeNewEnough(compose) && ask(environment, ['buildx', 'version']) !== undefined
}

/** Where the user's docker looks when no DOCKER_HOST says it. */
function contextHost(environment: NodeJS.ProcessEnv): string | undefined {
  return ask(environment, ['context', 'inspect', '--format', '{{.Endpoints.docker.Host}}'])
}

function ask(environment: NodeJS.ProcessEnv, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('docker', args, { env: environment, encoding: 'utf8', timeout: 10_000 })
  return status === 0 ? stdout.trim() : undefined
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

/** @returns whether anything was installed. */
async function installEngine(options: EngineOptions): Promise<boolean> {
  const missing = [
    ...(findOnPath('dockerd') === undefined ? ['docker.io'] : []),
    ...(findOnPath('iptables') === undefined ? ['iptables'] : []),
  ]
  if (missing.length > 0) await installPackages(missing, 'No container engine', options)
  // Of the same package in older releases of Debian and Ubuntu, of its own in newer ones.
  const needsClient = findOnPath('docker') === undefined
  if (needsClient) await installPackages(['docker-cli'], 'No container engine', options)
  return needsClient || missing.length > 0
}

/** The process id of a dockerd in the same network namespace as this process: only those share a firewall. */
function otherDaemon(): number | undefined {
  const network = readlinkSync('/proc/self/ns/net')
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'dockerd' &&
          readlinkSync(`/proc/${pid}/ns/net`) === network
        )
      } catch (error) {
        if (['ENOENT', 'ESRCH', 'EACCES'].includes(systemErrorCode(error) ?? '')) return false
        throw error
      }
    })
}

function privateEnvironment(configFolder: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    DOCKER_HOST: privateHost,
    DOCKER_CONFIG: configFolder,
    PATH: [process.env['PATH'], '/usr/sbin', '/sbin'].join(delimiter),
  }
}

async function startEngine(configFolder: string, { layout, signal, report }: EngineOptions): Promise<Engine> {
  const dockerd = findOnPath('dockerd')
  if (dockerd === undefined) {
    throw new LabError('prerequisite-missing', 'No container engine: dockerd is still not there.')
  }
  const data = join(layout.cacheDir, 'engine')
  const logFile = join(layout.logsDir, 'dockerd.log')
  await mkdir(stateFolder, { recursive: true, mode: 0o700 })
  for (const folder of [layout.logsDir, data]) await mkdir(folder, { recursive: true })
  // Addresses away from those that a machine usually has. Builds need the default bridge, so it gets some too.
  const args = [
    ...['--host', privateHost, '--data-root', data, '--exec-root', join(stateFolder, 'exec')],
    ...['--pidfile', pidFile, '--bip', '172.29.255.1/24'],
    ...['--default-address-pool', 'base=172.29.0.0/17,size=24'],
  ]
  const environment = privateEnvironment(configFolder)
  report('starting a container engine of our own')
  const log = openSync(logFile, 'w')
  const child = spawn(dockerd, args, { stdio: ['ignore', log, log], detached: true, env: environment })
  closeSync(log)
  child.unref()
  let exit: string | undefined
  child.once('error', (error) => (exit = messageOf(error)))
  child.once('exit', (code, signalName) => (exit = String(code ?? signalName)))

  const close = async (): Promise<void> => {
    if (exit !== undefined) return
    child.kill('SIGTERM')
    for (let waited = 0; !hasEnded() && waited < stopDeadlineMs; waited += 100) await delay(100)
    if (!hasEnded()) throw new LabError('process-died', `The private engine does not stop; see ${logFile}.`)
  }
  const hasEnded = (): boolean => exit !== undefined
  const deadline = performance.now() + startDeadlineMs
  while (!answers(environment)) {
    if (hasEnded() || signal.aborted || performance.now() > deadline) {
      await close()
      signal.throwIfAborted()
      const tail = (await readFile(logFile, 'utf8')).trimEnd().split('\n').slice(-15).join('\n')
      throw new LabError(
        'prerequisite-missing',
        `No container engine: dockerd cannot work on this machine. It says:\n${tail}`,
      )
    }
    await delay(250)
  }
  return engineOf(environment, { isPrivate: true, close })
}

function engineOf(environment: NodeJS.ProcessEnv, { isPrivate, close }: Pick<Engine, 'isPrivate' | 'close'>): Engine {
  // Older clients build with the builder that knows no `RUN --mount` unless this says otherwise.
  const own = { ...environment, DOCKER_BUILDKIT: '1' }
  const docker: Engine['docker'] = async (args, { signal, environment: further, onLine } = {}) => {
    const lines: string[] = []
    await runCommand('docker', args, {
      signal: signal ?? new AbortController().signal,
      cwd: process.cwd(),
      environment: { ...own, ...further },
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
    environment: own,
    docker,
    close,
    imageId: (image) => inspect(image, '{{.Id}}'),
    labelOf: async (image, label) => {
      const value = await inspect(image, `{{index .Config.Labels "${label}"}}`)
      return value === '' || value === '<no value>' ? undefined : value
    },
  }
}
