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
import { runCommand, CommandError } from './commands.ts'
import { LabError, messageOf } from './errors.ts'
import type { Address, ComponentStatus, Lab, Progress, ProgressOptions } from './lab.ts'
import { ensureUnprivilegedUser, type Layout, type UnprivilegedUser } from './layout.ts'
import { assertPortsFree } from './ports.ts'
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
import { findJavaHome, findRedis, installedPaths, postgresHome } from './tools.ts'
import {
  buildTopology,
  findComponent,
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
  const topology = buildTopology(settings, {
    root: layout.root,
    dataDir: layout.dataDir,
    configDir: layout.configDir,
    cacheDir: layout.cacheDir,
    kafkaLibDir: installedPaths(layout).kafkaLibDir,
  })
  const records = openRecords(layout.stateDir)

  const javaHome = once(() => findJavaHome(process.env))
  const unprivilegedUser = once(() => ensureUnprivilegedUser(layout))
  const logFile = (name: ComponentName): string => join(layout.logsDir, `${name}.log`)

  const processComponent = (name: ComponentName): ProcessComponent => {
    const component = findComponent(topology, name)
    if (component.kind === 'process') return component
    throw new LabError('unknown-component', `${name} is a job: it runs to its end, so there is nothing to do this to.`)
  }

  const runningRecord = (name: ComponentName): ProcessRecord | undefined => {
    const record = records.read(name)
    return record?.kind === 'process' && isAlive(record) ? record : undefined
  }

  const requireRunning = (name: ComponentName): ProcessRecord => {
    processComponent(name)
    const record = runningRecord(name)
    if (record !== undefined) return record
    throw new LabError('not-ready', `${name} is not running.`)
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
        throw new LabError(
          'process-died',
          await withLog(`${component.name} died while it was starting.`, component.name),
        )
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
      await withLog(
        `${component.name} did not become ready within ${component.readyDeadlineMs / 1000} s: ${answer.why}`,
        component.name,
      ),
    )
  }

  async function withLog(message: string, name: ComponentName): Promise<string> {
    const tail = await readTail(logFile(name), logTailLines)
    const lines = tail === '' ? 'It wrote no log.' : `Its last lines:\n${indent(tail)}`
    return `${message}\n${lines}\nThe whole log: ${logFile(name)}`
  }

  async function launch(component: ProcessComponent, signal: AbortSignal): Promise<ProcessRecord> {
    const context = preparationContext(component, signal)
    if (component.preparation !== undefined) await prepare(component.preparation, context)
    signal.throwIfAborted()
    const command = commandLine(component, context.user)
    await mkdir(layout.logsDir, { recursive: true })
    const pid = spawnDetached(command, logFile(component.name))
    const identity = pid === undefined ? undefined : identify(pid)
    if (identity === undefined) {
      throw new LabError('process-died', await withLog(`${component.name} died at once.`, component.name))
    }
    const record: ProcessRecord = {
      kind: 'process',
      ...identity,
      startedAt: new Date().toISOString(),
      fingerprint: fingerprintOf(component),
    }
    records.write(component.name, record)
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
    }
  }

  function inheritedEnvironment(tool: Tool): Readonly<Record<string, string | undefined>> {
    const { PATH, HOME, TMPDIR } = process.env
    switch (tool) {
      case 'elasticsearch':
        return { PATH, ES_JAVA_HOME: javaHome() }
      case 'postgres':
        return { PATH, LC_ALL: 'C' }
      case 'node':
        return { PATH, HOME, TMPDIR, NODE_ENV: process.env['NODE_ENV'] ?? 'production' }
      case 'java':
      case 'redis-server':
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
    const running = runningRecord(component.name)
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
    const record = runningRecord(component.name)
    if (record !== undefined) await stopTree(record, component.stopSignal, component.stopDeadlineMs)
    records.forget(component.name)
  }

  /** Those that run with other settings than today's: a changed .env must take effect. */
  async function stopOutdated(components: readonly Component[]): Promise<void> {
    const outdated = components.filter(
      (component): component is ProcessComponent =>
        component.kind === 'process' &&
        (runningRecord(component.name)?.fingerprint ?? fingerprintOf(component)) !== fingerprintOf(component),
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
      const wasRunning = runningRecord(component.name) !== undefined
      if (wasRunning) onProgress?.(component.name, { step: 'stopping' })
      await stopProcess(component)
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
    components: topology.map(({ name }) => name),

    async start(names, { signal: interrupt, onProgress } = {}) {
      const wanted = withDependencies(topology, names ?? topology.map(({ name }) => name))
      await stopOutdated(wanted)
      const toLaunch = wanted.filter(
        (component): component is ProcessComponent =>
          component.kind === 'process' && runningRecord(component.name) === undefined,
      )
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

    async kill(name) {
      await killTree(requireRunning(name))
    },

    // Signals act at once; these are promises because other drivers have to ask an engine.
    // eslint-disable-next-line @typescript-eslint/require-await -- async turns what requireRunning throws into a rejection
    async pause(name) {
      pauseTree(requireRunning(name))
    },

    // eslint-disable-next-line @typescript-eslint/require-await -- as above
    async resume(name) {
      resumeTree(requireRunning(name))
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

    address(name) {
      const component = processComponent(name)
      return addressOf(component, settings.LAB_HOST)
    },

    status() {
      return Promise.all(topology.map((component) => statusOf(component)))
    },

    logTail(name, lines = logTailLines) {
      findComponent(topology, name)
      return readTail(logFile(name), lines)
    },

    logFile,
  }

  async function statusOf(component: Component): Promise<NativeStatus> {
    const shared = { name: component.name, logFile: logFile(component.name) }
    const record = records.read(component.name)
    if (component.kind === 'job') {
      const job = record?.kind === 'job' ? record : undefined
      return { ...shared, kind: 'job', state: job?.outcome ?? 'stopped', why: '' }
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
