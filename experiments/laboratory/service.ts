/**
 * A service's process that an experiment starts for itself: any service, any lane, as many as it wants, each on a port
 * of its own. It can be hurt like a component of the laboratory.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '@driftlab/stores/testing'
import { nodeMemoryFlags } from '../../infra/native/src/index.ts'
import {
  isAlive,
  killTree,
  pauseTree,
  resumeTree,
  stopTree,
  type ProcessIdentity,
} from '../../infra/native/src/processes.ts'
import type { Laboratory } from './laboratory.ts'
import { launch } from './launch.ts'

export type ServiceOptions = {
  /** Of the process, for its log. */
  readonly name: string
  /** Beside HOST, PORT and LOG_LEVEL. */
  readonly environment: Readonly<Record<string, string>>
} & (
  | {
      /** Under services/. */
      readonly folder: string
    }
  | {
      /** The file of a process of the experiment's own. */
      readonly main: string
    }
)

export interface Service {
  readonly name: string
  readonly url: string
  readonly isAlive: () => boolean
  /** kill -9. Resolves when it is gone. */
  kill(): Promise<void>
  pause(): void
  resume(): void
  stop(): Promise<void>
  /** Starts it anew, on the same port, after it was stopped or killed; resolves when it is ready. */
  start(): Promise<void>
}

/** A sink that follows one that was killed waits 15 s until the group has given that up, beside its own start on a busy machine. */
const readyDeadlineMs = 60_000
const stopDeadlineMs = 25_000
const probeIntervalMs = 50
const root = join(import.meta.dirname, '../..')

/** Resolves when it is ready; it is stopped when the experiment ends. @throws with its last lines when it does not start. */
export async function startService(laboratory: Laboratory, options: ServiceOptions): Promise<Service> {
  const { settings, signal, logsDir } = laboratory
  const port = await freePort()
  const url = `http://${settings.LAB_HOST}:${port}`
  const main = 'main' in options ? options.main : join(root, 'services', options.folder, 'src/main.ts')
  const log = join(logsDir, `${options.name}.log`)
  let running: ProcessIdentity | undefined

  const stop = async (): Promise<void> => {
    if (running !== undefined) await stopTree(running, 'SIGTERM', stopDeadlineMs)
    running = undefined
  }
  const start = async (): Promise<void> => {
    running = await launch({
      command: process.execPath,
      args: [...nodeMemoryFlags, main],
      cwd: root,
      log,
      environment: {
        ...{ NODE_ENV: 'production', NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node') },
        ...{ HOST: settings.LAB_HOST, PORT: String(port), LOG_LEVEL: 'warn' },
        ...options.environment,
      },
    })
    const deadline = performance.now() + readyDeadlineMs
    for (;;) {
      const problem = await whatKeeps(`${url}/ready`)
      if (problem === undefined) return
      signal.throwIfAborted()
      const alive = isAlive(running)
      if (!alive || performance.now() > deadline) {
        const lines = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-10)
        const state = alive ? `is not ready after ${readyDeadlineMs / 1_000} s: ${problem}` : 'ended at its start'
        throw new Error(`${options.name} ${state}. Its last lines:\n${lines.join('\n')}`)
      }
      await delay(probeIntervalMs)
    }
  }
  const alive = (): ProcessIdentity => {
    if (running === undefined || !isAlive(running)) throw new Error(`${options.name} is not running`)
    return running
  }

  laboratory.stopAtEnd(stop)
  await start()
  return {
    name: options.name,
    url,
    isAlive: () => running !== undefined && isAlive(running),
    kill: () => killTree(alive()),
    pause: () => {
      pauseTree(alive())
    },
    resume: () => {
      resumeTree(alive())
    },
    stop,
    start,
  }
}

/** @returns why it is not ready; undefined when it is. */
async function whatKeeps(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) })
    const answer = await response.text()
    return response.ok ? undefined : answer
  } catch {
    return 'it does not answer'
  }
}
