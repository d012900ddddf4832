/**
 * The driver that runs the laboratory as plain processes of this machine.
 *
 * Invariant: every process it starts is on record before anything else happens, in a group of its own, so that
 * whatever becomes of this program, a later `down` finds and stops it. It keeps no list in memory: each question is
 * answered from the records and from /proc, so several programs may drive one laboratory.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, renameSync, statSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectorFailure } from '../../connect/status.ts'
import { runCommand, CommandError } from './commands.ts'
import { LabError, messageOf } from './errors.ts'
import type { Address, ComponentStatus, Lab, Progress, ProgressOptions } from './lab.ts'
import { ensureUnprivilegedUser, type Layout, type UnprivilegedUser } from './layout.ts'
import { assertPortsFree, findFreePort } from './ports.ts'
import { prepare, type PreparationContext } from './prepare.ts'
import { askProbe, type ProbeAnswer } from './probes.ts'
import {
  identify,
  isAlive,
  isPaused,
  killTree,
  pauseTree,
  processorMs,
  residentBytes,
  resumeTree,
  stopTree,
} from './processes.ts'
import { openRecords, type ProcessRecord } from './records.ts'
import type { Settings } from './settings.ts'
import { findJavaHome, findMariaDb, findRedis, installedPaths, postgresHome } from './tools.ts'
import {
  buildTopology,
  componentNames,
  findComponent,
  isOnDemand,
  withDependencies,
  type Component,
  type ComponentName,
  type JobComponent,
  type ProcessComponent,
  type Tool,
} from './topology.ts'

export interface NativeStatus extends ComponentStatus {
  readonly pid?: number
  readonly logFile: string
}

export interface NativeLab extends Lab {
  status(): Promise<readonly NativeStatus[]>
  logFile(name: ComponentName): string
}

const probeIntervalMs = 100
const logTailLines = 15
const logSizeMaxBytes = 20 * 1024 * 1024

/** What a failed start was waiting for is told apart from what made it fail. */
class Cancelled extends Error {
  override readonly name = 'Cancelled'
}

export function createNativeLab(options: { readonly layout: Layout; readonly settings: Settings }): NativeLab {
  const { layout, settings } = options
  const topologyOf = (chosen: Settings): readonly Component[] =>
    buildTopology(chosen, {
      root: layout.root,
      labDir: layout.labDir,
      envFile: layout.envFile,
      dataDir: layout.dataDir,
      configDir: layout.configDir,
      cacheDir: layout.cacheDir,
      kafkaLibDir: installedPaths(layout).kafkaLibDir,
    })
  const topology = topologyOf(settings)
  const records = openRecords(layout.stateDir)

  const javaHome = once(() => findJavaHome(process.env))
  const unprivilegedUser = once(() => ensureUnprivilegedUser(layout))
  const logFile = (id: string): string => join(layout.logsDir, `${id}.log`)

  const processComponent = (name: ComponentName, among = topology): ProcessComponent => {
    const component = findComponent(among, name)
    if (component.kind === 'process') return component
    throw new LabError('unknown-component', `${name} is a job: it runs to its end, so there is nothing to do this to.`)
  }

  /** The component with another port: a further instance of what keeps no data needs nothing else of its own. */
  const furtherInstance = (first: ProcessComponent, instance: number, port: number): ProcessComponent => ({
    ...processComponent(first.name, topologyOf({ ...settings, [first.ports[0].variable]: String(port) })),
    instance,
  })

  /** The first instance and those that `scale` started since, dead ones included. */
  const instancesOf = (first: ProcessComponent): readonly ProcessComponent[] => {
    const prefix = idOf(first.name, '')
    const further = records.names().filter((id) => id.startsWith(prefix))
    return [
      first,
      ...further.flatMap((id) => {
        const record = records.read(id)
        if (record?.kind !== 'process' || record.port === undefined) return []
        return furtherInstance(first, Number(id.slice(prefix.length)), record.port)
      }),
    ]
  }

  const instanceOf = (name: ComponentName, instance: number): ProcessComponent => {
    const found = instancesOf(processComponent(name)).find((component) => component.instance === instance)
    if (found !== undefined) return found
    throw new LabError('not-ready', `${name} has no instance ${instance}.`)
  }

  const runningRecord = ({ name, instance }: ProcessComponent): ProcessRecord | undefined => {
    const record = records.read(idOf(name, instance))
    return record?.kind === 'process' && isAlive(record) ? record : undefined
  }

  const requireRunning = (name: ComponentName, instance: number): ProcessRecord => {
    const record = runningRecord(instanceOf(name, instance))
    if (record !== undefined) return record
    throw new LabError('not-ready', `${idOf(name, instance)} is not running.`)
  }

  const preparationContext = (component: ProcessComponent, signal: AbortSignal): PreparationContext => ({
    layout,
    settings,
    javaHome,
    user: component.runAs === 'unprivileged' ? unprivilegedUser() : undefined,
    environment: component.environment,
    signal,
  })

  /** Resolves when the component's probe is content. @throws when it died, refuses our password, or takes too long. */
  async function waitUntilReady(
    component: ProcessComponent,
    record: ProcessRecord,
    signal: AbortSignal,
  ): Promise<void> {
    const deadlineAt = Date.now() + component.readyDeadlineMs
    let answer: ProbeAnswer = { state: 'not-ready', why: 'it has not answered yet' }
    while (Date.now() < deadlineAt) {
      signal.throwIfAborted()
      if (!isAlive(record)) {
        throw new LabError('process-died', await withLog('died while it was starting.', component))
      }
      answer = await askProbe(component.probe)
      if (answer.state === 'ready') return
      if (answer.state === 'refused') break
      await sleep(probeIntervalMs)
    }
    if (answer.state === 'refused') {
      throw new LabError(
        'wrong-password',
        `${component.name} runs, but refuses the password in ${layout.envFile} (${answer.why}).\n` +
          'Its data was made with another one. Put that one back, or delete the data with: make reset',
      )
    }
    throw new LabError(
      'not-ready',
      await withLog(`did not become ready within ${component.readyDeadlineMs / 1000} s: ${answer.why}`, component),
    )
  }

  async function withLog(message: string, { name, instance }: ProcessComponent): Promise<string> {
    const id = idOf(name, instance)
    const tail = await readTail(logFile(id), logTailLines)
    const lines = tail === '' ? 'It wrote no log.' : `Its last lines:\n${indent(tail)}`
    return `${id} ${message}\n${lines}\nThe whole log: ${logFile(id)}`
  }

  async function launch(component: ProcessComponent, signal: AbortSignal): Promise<ProcessRecord> {
    const context = preparationContext(component, signal)
    if (component.preparation !== undefined) await prepare(component.preparation, context)
    signal.throwIfAborted()
    const command = commandLine(component, context.user)
    await mkdir(layout.logsDir, { recursive: true })
    const id = idOf(component.name, component.instance)
    const pid = spawnDetached(command, logFile(id))
    const identity = pid === undefined ? undefined : identify(pid)
    if (identity === undefined) throw new LabError('process-died', await withLog('died at once.', component))
    const record: ProcessRecord = {
      kind: 'process',
      ...identity,
      startedAt: new Date().toISOString(),
      fingerprint: fingerprintOf(component),
      ...(component.instance === 1 ? {} : { port: component.ports[0].port }),
    }
    records.write(id, record)
    return record
  }

  function commandLine(component: Component, user: UnprivilegedUser | undefined): CommandLine {
    const workingDir =
      component.kind === 'process' && component.preparation !== undefined
        ? join(layout.dataDir, component.preparation)
        : layout.root
    return {
      program: programOf(component.tool),
      args: component.args,
      environment: { ...inheritedEnvironment(component.tool), ...component.environment },
      workingDir,
      user,
    }
  }

  function programOf(tool: Tool): string {
    switch (tool) {
      case 'node':
        return process.execPath
      case 'java':
        return join(javaHome(), 'bin/java')
      case 'postgres':
        return join(postgresHome(layout), 'bin/postgres')
      case 'elasticsearch':
        return join(installedPaths(layout).elasticsearchHome, 'bin/elasticsearch')
      case 'redis-server':
        return findRedis()?.path ?? 'redis-server'
      case 'mariadbd':
        return findMariaDb()?.server ?? 'mariadbd'
      case 'toxiproxy':
        return installedPaths(layout).toxiproxy
    }
  }

  function inheritedEnvironment(tool: Tool): Readonly<Record<string, string | undefined>> {
    const { PATH, HOME, TMPDIR } = process.env
    switch (tool) {
      case 'elasticsearch':
        return { PATH, ES_JAVA_HOME: javaHome() }
      case 'postgres':
      case 'mariadbd':
        return { PATH, LC_ALL: 'C' }
      case 'node':
        return { PATH, HOME, TMPDIR, NODE_ENV: process.env['NODE_ENV'] ?? 'production' }
      case 'java':
      case 'redis-server':
      case 'toxiproxy':
        return { PATH, HOME, TMPDIR }
    }
  }

  async function runJobOnce(component: JobComponent, signal: AbortSignal): Promise<void> {
    const began = Date.now()
    const command = commandLine(component, undefined)
    await mkdir(layout.logsDir, { recursive: true })
    const log = await open(logFile(component.name), 'w')
    const deadline = AbortSignal.timeout(component.deadlineMs)
    const finish = (outcome: 'done' | 'failed'): void => {
      records.write(component.name, {
        kind: 'job',
        outcome,
        finishedAt: new Date().toISOString(),
        durationMs: Date.now() - began,
      })
    }
    try {
      await runCommand(command.program, command.args, {
        cwd: command.workingDir,
        environment: command.environment,
        signal: AbortSignal.any([signal, deadline]),
        onLine: (line) => {
          void log.write(`${line}\n`)
        },
      })
      finish('done')
    } catch (error) {
      signal.throwIfAborted()
      finish('failed')
      const why = deadline.aborted ? `did not end within ${component.deadlineMs / 1000} s` : 'failed'
      const text = error instanceof CommandError ? error.message : ''
      throw new LabError(
        'job-failed',
        `The job ${component.name} ${why}.\n${indent(text)}\nThe whole log: ${logFile(component.name)}`,
        { cause: error },
      )
    } finally {
      await log.close()
    }
  }

  /** @returns whether this call started it; false when it ran already. */
  async function startProcess(
    component: ProcessComponent,
    signal: AbortSignal,
    report: (progress: Progress) => void,
  ): Promise<void> {
    const began = Date.now()
    const running = runningRecord(component)
    if (running !== undefined) {
      resumeTree(running)
      report({ step: 'adopted' })
      await waitUntilReady(component, running, signal)
    } else {
      report({ step: 'preparing' })
      const record = await launch(component, signal)
      report({ step: 'starting' })
      await waitUntilReady(component, record, signal)
    }
    report({ step: 'ready', durationMs: Date.now() - began })
  }

  async function stopProcess(component: ProcessComponent): Promise<void> {
    const record = runningRecord(component)
    if (record !== undefined) await stopTree(record, component.stopSignal, component.stopDeadlineMs)
    records.forget(idOf(component.name, component.instance))
  }

  /** Those that run with other settings than today's: a changed .env must take effect. */
  async function stopOutdated(components: readonly ProcessComponent[]): Promise<void> {
    const outdated = components.filter(
      (component) => (runningRecord(component)?.fingerprint ?? fingerprintOf(component)) !== fingerprintOf(component),
    )
    await stopAll(outdated, undefined)
  }

  async function stopAll(
    components: readonly ProcessComponent[],
    onProgress: ProgressOptions['onProgress'],
  ): Promise<void> {
    const stopped = new Map<ComponentName, Promise<void>>()
    const stop = async (component: ProcessComponent): Promise<void> => {
      const dependants = components.filter((other) => dependsOn(other.name, component.name))
      await Promise.all(dependants.flatMap(({ name }) => stopped.get(name) ?? []))
      const instances = instancesOf(component)
      const wasRunning = instances.some((instance) => runningRecord(instance) !== undefined)
      if (wasRunning) onProgress?.(component.name, { step: 'stopping' })
      await Promise.all(instances.map(stopProcess))
      if (wasRunning) onProgress?.(component.name, { step: 'stopped' })
    }
    // Dependants come later in the topology's order, so walking it backwards registers them first.
    for (const component of components.toReversed()) stopped.set(component.name, stop(component))
    await Promise.all(stopped.values())
  }

  function dependsOn(name: ComponentName, other: ComponentName): boolean {
    return name !== other && withDependencies(topology, [name]).some((component) => component.name === other)
  }

  const inOrder = withDependencies(
    topology,
    topology.map(({ name }) => name),
  )

  return {
    components: componentNames,

    async start(names, { signal: interrupt, onProgress } = {}) {
      const wanted = withDependencies(topology, names ?? componentNames)
      const processes = wanted.filter((component) => component.kind === 'process')
      await stopOutdated(processes)
      await Promise.all(processes.flatMap((component) => instancesOf(component).slice(1)).map(stopProcess))
      const toLaunch = processes.filter((component) => runningRecord(component) === undefined)
      await assertPortsFree(
        settings.LAB_HOST,
        toLaunch.flatMap(({ name, ports }) => ports.map((port) => ({ component: name, ...port }))),
        layout.envFile,
      )

      const failing = new AbortController()
      const signal = interrupt === undefined ? failing.signal : AbortSignal.any([interrupt, failing.signal])
      const up = new Map<ComponentName, Promise<void>>()
      const bringUp = async (component: Component): Promise<void> => {
        const report = (progress: Progress): void => onProgress?.(component.name, progress)
        try {
          report({ step: 'waiting' })
          await Promise.all(component.dependsOn.flatMap((dependency) => up.get(dependency) ?? []))
          signal.throwIfAborted()
          if (component.kind === 'process') {
            await startProcess(component, signal, report)
          } else {
            const began = Date.now()
            report({ step: 'starting' })
            await runJobOnce(component, signal)
            report({ step: 'done', durationMs: Date.now() - began })
          }
        } catch (error) {
          if (signal.aborted) throw new Cancelled(`${component.name} was not waited for`, { cause: error })
          report({ step: 'failed', why: messageOf(error).split('\n')[0] ?? '' })
          failing.abort(error)
          throw error
        }
      }
      for (const component of wanted) up.set(component.name, bringUp(component))
      const outcomes = await Promise.allSettled(up.values())
      if (outcomes.every(({ status }) => status === 'fulfilled')) return

      await stopAll(toLaunch, onProgress)
      if (interrupt?.aborted === true) throw new LabError('interrupted', 'Interrupted; what was started is stopped.')
      throw failing.signal.reason
    },

    async stop(names, { onProgress } = {}) {
      const chosen = inOrder.filter(
        (component): component is ProcessComponent =>
          component.kind === 'process' && (names === undefined || names.includes(component.name)),
      )
      await stopAll(chosen, onProgress)
      if (names === undefined) {
        for (const component of topology) records.forget(component.name)
      }
    },

    async scale(name, instances) {
      const first = processComponent(name)
      if (instances > 1 && first.preparation !== undefined) {
        throw new LabError('not-scalable', `${name} keeps data, so there can be only one of it.`)
      }
      const present = instancesOf(first)
      await Promise.all(present.filter(({ instance }) => instance > instances).map(stopProcess))
      const missing: ProcessComponent[] = []
      for (let instance = 1; instance <= instances; instance += 1) {
        const component =
          present.find((other) => other.instance === instance) ??
          furtherInstance(first, instance, await findFreePort(settings.LAB_HOST))
        if (runningRecord(component) === undefined) missing.push(component)
      }
      const { signal } = new AbortController()
      await Promise.all(missing.map((component) => startProcess(component, signal, () => undefined)))
    },

    async kill(name, instance = 1) {
      await killTree(requireRunning(name, instance))
    },

    // Signals act at once; these are promises because other drivers have to ask an engine.
    // eslint-disable-next-line @typescript-eslint/require-await -- async turns what requireRunning throws into a rejection
    async pause(name, instance = 1) {
      pauseTree(requireRunning(name, instance))
    },

    // eslint-disable-next-line @typescript-eslint/require-await -- as above
    async resume(name, instance = 1) {
      resumeTree(requireRunning(name, instance))
    },

    async restart(name) {
      const component = processComponent(name)
      await stopProcess(component)
      const record = await launch(component, new AbortController().signal)
      await waitUntilReady(component, record, new AbortController().signal)
    },

    async runJob(name) {
      const component = findComponent(topology, name)
      if (component.kind !== 'job') throw new LabError('unknown-component', `${name} is a process, not a job.`)
      await runJobOnce(component, new AbortController().signal)
    },

    address(name, instance = 1) {
      return addressOf(instanceOf(name, instance), settings.LAB_HOST)
    },

    status() {
      // What nobody has asked for is no part of the laboratory.
      const present = topology.filter(({ name }) => !isOnDemand(name) || records.read(name) !== undefined)
      const all = present.flatMap((component): readonly Component[] =>
        component.kind === 'job' ? [component] : instancesOf(component),
      )
      return Promise.all(all.map((component) => statusOf(component)))
    },

    logTail(name, lines = logTailLines) {
      findComponent(topology, name)
      return readTail(logFile(name), lines)
    },

    logFile,
  }

  async function statusOf(component: Component): Promise<NativeStatus> {
    const instance = component.kind === 'job' ? 1 : component.instance
    const id = idOf(component.name, instance)
    const shared = { name: component.name, instance, logFile: logFile(id) }
    const record = records.read(id)
    if (component.kind === 'job') {
      const job = record?.kind === 'job' ? record : undefined
      const outcome = job?.outcome ?? 'stopped'
      // What a job has set up may have failed since.
      const { connectUrl } = component
      const failure = outcome === 'done' && connectUrl !== undefined ? await connectorFailure(connectUrl) : undefined
      return { ...shared, kind: 'job', state: failure === undefined ? outcome : 'failed', why: failure ?? '' }
    }
    const address = addressOf(component, settings.LAB_HOST)
    const base = { ...shared, kind: 'process', address } as const
    if (record?.kind !== 'process') return { ...base, state: 'stopped', why: '' }
    if (!isAlive(record)) return { ...base, state: 'failed', why: `it is gone; see ${shared.logFile}` }
    const running = {
      ...base,
      pid: record.pid,
      startedAt: new Date(record.startedAt),
      residentBytes: residentBytes(record),
      processorMs: processorMs(record),
    }
    if (isPaused(record)) return { ...running, state: 'paused', why: '' }
    const answer = await askProbe(component.probe)
    return answer.state === 'ready'
      ? { ...running, state: 'ready', why: '' }
      : { ...running, state: 'unready', why: answer.why }
  }
}

interface CommandLine {
  readonly program: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDir: string
  readonly user: UnprivilegedUser | undefined
}

/** Starts a process that outlives us, its output appended to a file. @returns its pid, or undefined if it cannot run. */
function spawnDetached(command: CommandLine, log: string): number | undefined {
  if (existsSync(log) && statSync(log).size > logSizeMaxBytes) renameSync(log, `${log}.1`)
  const output = openSync(log, 'a')
  try {
    const child = spawn(command.program, command.args, {
      cwd: command.workingDir,
      env: command.environment,
      detached: true,
      stdio: ['ignore', output, output],
      ...(command.user === undefined ? {} : { uid: command.user.uid, gid: command.user.gid }),
    })
    // Without a listener a program that cannot be started would end us; the missing pid says the same.
    child.once('error', () => undefined)
    child.unref()
    return child.pid
  } finally {
    closeSync(output)
  }
}

/** What records and logs are named by: the first instance has the component's own name. */
function idOf(name: ComponentName, instance: number | ''): string {
  return instance === 1 ? name : `${name}.${instance}`
}

function fingerprintOf(component: ProcessComponent): string {
  const parts = [component.tool, component.args, component.environment]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}

function addressOf(component: ProcessComponent, host: string): Address {
  const [{ port }] = component.ports
  return { host, port, url: `${component.scheme}://${host}:${port}` }
}

const tailBytesMax = 64 * 1024

async function readTail(file: string, lines: number): Promise<string> {
  if (!existsSync(file)) return ''
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    const length = Math.min(size, tailBytesMax)
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n')
  } finally {
    await handle.close()
  }
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
