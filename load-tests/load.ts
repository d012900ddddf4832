/**
 * Runs the load of orders.ts with k6 against one lane and reads its figures, for `make load-test` and for the demo.
 *
 * k6 gets a process group of its own, so that Ctrl-C reaches it once, through here, and it ends as k6 ends (the clients
 * under way finish). Whatever happens to this process, k6 ends by itself after DURATION. It starts no service and looks
 * into no store.
 */
import { spawn } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import Table from 'cli-table3'
import { z } from 'zod'
import { assertBounded, parseBaseUrls, parseLane, SettingError } from './settings.ts'

const latencySchema = z.object({ p50: z.number(), p99: z.number(), max: z.number() })

/** What `handleSummary` of orders.ts prints. */
const figuresSchema = z.object({
  operations: z.number().int(),
  plannedOperations: z.number().int(),
  populationSize: z.number().int(),
  changes: z.number().int(),
  refused: z.number().int(),
  partialFailures: z.number().int(),
  failures: z.number().int(),
  droppedOperations: z.number().int(),
  latencyMs: latencySchema,
  crossedThresholds: z.array(z.object({ metric: z.string(), threshold: z.string() })),
})

/** `.lab/results/load-test-<lane>.json`; README.md describes each figure. */
export const loadResultSchema = figuresSchema.extend({
  schemaVersion: z.literal(1),
  lane: z.string(),
  seed: z.number().int(),
  rate: z.number().int(),
  durationMs: z.number().int(),
  startedAt: z.iso.datetime(),
})
export type LoadResult = z.output<typeof loadResultSchema>

export interface Load {
  readonly lane: string
  /** One address for each instance of the lane's orders service; requests go to them in turn. */
  readonly baseUrls: readonly string[]
  /** Changes a second. */
  readonly rate: number
  readonly durationMs: number
  readonly seed: number
}

/** How k6 is started: as a program of this machine, or in a container. */
export interface K6Command {
  readonly program: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface LoadOptions {
  readonly k6: (load: Load) => K6Command
  /** Where `load-test-<lane>.json` goes. */
  readonly resultsDir: string
  /** Stops k6 when it aborts; `runLoad` then rejects with the signal's reason. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: LoadProgress) => void
}

export interface LoadProgress {
  readonly step: 'creating orders' | 'changing orders'
  readonly percent: number
}

/** k6 could not run the load, or gave no figures. A crossed threshold is not an error: it is in the result. */
export class LoadError extends Error {
  override readonly name = 'LoadError'
}

/** k6's exit code when a threshold was crossed. */
const thresholdsCrossed = 99
/** The lines of k6's output that an error shows. */
const outputLinesMax = 15

/** @throws {SettingError} when the load is not bounded or not local, {LoadError} when k6 fails. */
export async function runLoad(load: Load, options: LoadOptions): Promise<LoadResult> {
  assertBounded(load)
  parseBaseUrls(load.baseUrls.join(','))
  options.signal?.throwIfAborted()

  const resultFile = join(options.resultsDir, `load-test-${parseLane(load.lane)}.json`)
  await mkdir(dirname(resultFile), { recursive: true })
  await rm(resultFile, { force: true })

  const startedAt = new Date().toISOString()
  const figures = await figuresOf(load, options)
  const result: LoadResult = {
    schemaVersion: 1,
    lane: load.lane,
    seed: load.seed,
    rate: load.rate,
    durationMs: load.durationMs,
    startedAt,
    ...figures,
  }
  await writeFile(resultFile, `${JSON.stringify(result, undefined, 2)}\n`)
  return result
}

/** k6 as a program of this machine. */
export function k6At(path: string): LoadOptions['k6'] {
  return (load) => ({
    program: path,
    // No REST API (its port may be taken) and no report to its makers.
    args: ['run', '--address', '', '--no-usage-report', '--no-color', join(import.meta.dirname, 'orders.ts')],
    environment: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      BASE_URLS: load.baseUrls.join(','),
      ...loadVariablesOf(load),
    },
  })
}

/** The variables of orders.ts that say what to send. */
export function loadVariablesOf(load: Load): Readonly<Record<'LANE' | 'RATE' | 'DURATION' | 'SEED', string>> {
  return {
    LANE: load.lane,
    RATE: String(load.rate),
    DURATION: `${Math.ceil(load.durationMs / 1_000)}s`,
    SEED: String(load.seed),
  }
}

async function figuresOf(load: Load, options: LoadOptions): Promise<z.output<typeof figuresSchema>> {
  const { exitCode, summary, output } = await runK6(options.k6(load), options)
  options.signal?.throwIfAborted()
  if (exitCode !== 0 && exitCode !== thresholdsCrossed) {
    throw new LoadError(`k6 stopped with exit code ${exitCode}. Its last lines:\n${output.join('\n')}`)
  }
  if (summary === '') throw new LoadError(`k6 gave no figures. Its last lines:\n${output.join('\n')}`)
  return figuresSchema.parse(JSON.parse(summary))
}

async function runK6(
  command: K6Command,
  options: LoadOptions,
): Promise<{ readonly exitCode: number; readonly summary: string; readonly output: readonly string[] }> {
  const k6 = spawn(command.program, command.args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: command.environment,
  })

  const interrupt = (): void => {
    k6.kill('SIGINT')
  }
  options.signal?.addEventListener('abort', interrupt)

  const summary: string[] = []
  const output: string[] = []
  options.onProgress?.({ step: 'creating orders', percent: 0 })
  for (const stream of [k6.stdout, k6.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      const progress = readProgress(line)
      if (progress !== undefined) options.onProgress?.(progress)
      // The one JSON object that it prints, at its end, over several lines.
      else if (stream === k6.stdout && (line === '{' || (summary.length > 0 && summary.at(-1) !== '}')))
        summary.push(line)
      else if (isWorthKeeping(line)) output.push(line.trim())
      if (output.length > outputLinesMax) output.shift()
    })
  }

  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      k6.once('error', (cause) => {
        reject(new LoadError(`cannot start k6 (${command.program}): ${cause.message}. make up installs it`, { cause }))
      })
      k6.once('close', (code) => {
        resolve(code ?? 1)
      })
    })
    return { exitCode, summary: summary.join('\n'), output }
  } finally {
    options.signal?.removeEventListener('abort', interrupt)
  }
}

/** Reads the scenario's progress line: `changes   [  45% ] 000/040 VUs  2.7s/6s  163.30 iters/s`. */
export function readProgress(line: string): LoadProgress | undefined {
  const percent = /^changes\s+\S?\s*\[\s*(\d+)% \]/.exec(line)?.[1]
  return percent === undefined ? undefined : { step: 'changing orders', percent: Number(percent) }
}

/** Only what k6 logs (`time="…" level=…`): banner, plan and progress say nothing of a failure. */
function isWorthKeeping(line: string): boolean {
  return line.startsWith('time=') || line.startsWith('Error')
}

/** The addresses of a lane, one for each ORDERS_<LANE>_<n>_PORT. @throws {SettingError} when it has none. */
export function laneBaseUrls(
  lane: string,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const instances = Object.entries(environment).flatMap(([name, port]) => {
    const found = /^ORDERS_([A-Z0-9_]+)_\d+_PORT$/.exec(name)?.[1]
    return found === undefined || port === undefined ? [] : [{ lane: found.toLowerCase().replaceAll('_', '-'), port }]
  })
  const ports = instances.filter((instance) => instance.lane === lane).map(({ port }) => port)
  if (ports.length === 0) {
    const lanes = [...new Set(instances.map((instance) => instance.lane))].sort()
    throw new SettingError(
      `LANE must be one of the lanes in .env: ${lanes.join(', ') || 'none yet, start with make up'}`,
    )
  }
  const host = environment['LAB_HOST'] ?? '127.0.0.1'
  try {
    return parseBaseUrls(ports.map((port) => `http://${host}:${port}`).join(','))
  } catch (cause) {
    throw new SettingError(`LAB_HOST ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

/** The thresholds that make a run fail. Dropped operations only warn: less was sent than asked, and it says so. */
export function failedThresholds(result: LoadResult): LoadResult['crossedThresholds'] {
  return result.crossedThresholds.filter(({ metric }) => metric !== 'dropped_iterations')
}

export function formatLoad(result: LoadResult): string {
  const table = new Table({
    head: ['lane', 'changes', 'refused', 'partial', 'failed', 'dropped', 'p50 ms', 'p99 ms', 'max ms'],
    style: { head: [], border: [] },
  })
  const { p50, p99, max } = result.latencyMs
  table.push([
    result.lane,
    result.changes,
    result.refused,
    result.partialFailures,
    result.failures,
    result.droppedOperations,
    p50.toFixed(1),
    p99.toFixed(1),
    max.toFixed(1),
  ])
  const notes = result.crossedThresholds.map(({ metric, threshold }) =>
    metric === 'dropped_iterations'
      ? `Warning: ${result.droppedOperations} of ${result.plannedOperations} operations were not sent in time; the load was lower than RATE says.`
      : `Threshold crossed: ${metric} ${threshold}`,
  )
  return [table.toString(), ...notes].join('\n')
}
