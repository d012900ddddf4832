/** `make rebuild` and `make compare` on a lane of an experiment: the real program, as a process that can be killed. */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { isAlive, killTree, stopTree } from '../../infra/native/src/processes.ts'
import { differenceKinds } from '../../services/rebuild/src/compare.ts'
import { storeNames, type StoreName } from '../../services/rebuild/src/generation.ts'
import type { Laboratory } from './laboratory.ts'
import { launch } from './launch.ts'

const root = join(import.meta.dirname, '../..')

export const rebuiltSchema = z.object({
  store: z.enum(storeNames),
  from: z.string(),
  to: z.string(),
  keys: z.int(),
  records: z.int(),
  fillMs: z.number(),
  keysPerSecond: z.number(),
  heldMs: z.number(),
  switchedAtMs: z.number(),
  poison: z.int(),
})
export type Rebuilt = z.output<typeof rebuiltSchema>

export const comparisonSchema = z.object({
  store: z.enum(storeNames),
  keys: z.int(),
  counts: z.record(z.enum(differenceKinds), z.int()),
})
export type Comparison = z.output<typeof comparisonSchema>

export interface RebuildOptions {
  readonly lane: string
  readonly store: StoreName | 'all'
  readonly keep?: boolean
  readonly graceS?: number
}

export interface RunningRebuild {
  readonly isAlive: () => boolean
  /** kill -9. Resolves when it is gone. */
  kill(): Promise<void>
  /** Waits for its end. @throws with its last lines when it failed. */
  result(): Promise<readonly Rebuilt[]>
}

export async function startRebuild(laboratory: Laboratory, options: RebuildOptions): Promise<RunningRebuild> {
  const { result, ...process } = await start(laboratory, 'rebuild', options, {
    KEEP: options.keep === true ? '1' : '0',
    GRACE_S: String(options.graceS ?? 1),
  })
  return { ...process, result: async () => z.array(rebuiltSchema).parse(await result()) }
}

/** The kept generations against the current ones. */
export async function compareGenerations(
  laboratory: Laboratory,
  options: Pick<RebuildOptions, 'lane' | 'store'>,
): Promise<readonly Comparison[]> {
  const { result } = await start(laboratory, 'compare', options, {})
  return z.array(comparisonSchema).parse(await result())
}

async function start(
  laboratory: Laboratory,
  command: 'rebuild' | 'compare',
  { lane, store }: Pick<RebuildOptions, 'lane' | 'store'>,
  variables: Readonly<Record<string, string>>,
) {
  const { url, settings, logsDir, stateDir } = laboratory
  const log = join(logsDir, `${command}-${lane}.log`)
  const output = join(stateDir, `${command}-${lane}.json`)
  await rm(output, { force: true })
  const running = await launch({
    command: process.execPath,
    args: ['--max-semi-space-size=16', join(root, 'services/rebuild/src/main.ts'), command],
    cwd: root,
    log,
    environment: {
      ...{ NODE_ENV: 'production', NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node') },
      ...{ STORE: store, LANE: lane, JSON: output, TOPIC_EPOCH: settings.TOPIC_EPOCH, ...variables },
      ...{ KAFKA_BROKERS: url.kafkaBrokers, REDIS_URL: url.redis('ADMIN') },
      ...{ ELASTICSEARCH_URL: url.elasticsearch('ADMIN'), CLICKHOUSE_URL: url.clickhouse('ADMIN') },
    },
  })
  laboratory.atEnd(() => stopTree(running, 'SIGTERM', stopDeadlineMs))
  return {
    isAlive: () => isAlive(running),
    kill: () => killTree(running),
    result: async (): Promise<unknown> => {
      const deadline = performance.now() + resultDeadlineMs
      while (isAlive(running) && performance.now() < deadline) await delay(20, undefined, { signal: laboratory.signal })
      try {
        return JSON.parse(await readFile(output, 'utf8')) as unknown
      } catch (cause) {
        const lines = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-10)
        throw new Error(`${command} of ${store} did not end well. Its last lines:\n${lines.join('\n')}`, { cause })
      }
    },
  }
}

const stopDeadlineMs = 20_000
const resultDeadlineMs = 300_000
