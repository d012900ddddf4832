/** Runs one experiment: its folder of results, its history, its verdict. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { composeVerdicts, type Conclusion, type Experiment, type RunContext } from './experiment.ts'
import { resultSchema, type Result } from './result.ts'

export interface RunOptions {
  /** Holds a folder for each experiment. */
  readonly resultsDir: string
  readonly seed: number
  readonly quick: boolean
  readonly signal: AbortSignal
  readonly progress: RunContext<never>['progress']
  /** Undefined for an experiment that needs none. */
  readonly laboratory: Laboratory | undefined
}

/** @throws only when `signal` ended it, or the result cannot be written: whatever else goes wrong is a result. */
export async function runExperiment(experiment: Experiment, options: RunOptions): Promise<Result> {
  const { seed, quick, signal, progress } = options
  const folder = join(options.resultsDir, experiment.name)
  const history = join(folder, 'history.jsonl')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })

  const startedAt = new Date()
  const generator = xoroshiro128plus(seed)
  let error: string | null = null
  try {
    await experiment.observe(history, {
      quick,
      signal,
      progress,
      random: () => uniformFloat64(generator),
      laboratory: () => {
        if (options.laboratory !== undefined) return options.laboratory
        throw new Error(`${experiment.name} says that it needs no laboratory`)
      },
    })
  } catch (thrown) {
    if (signal.aborted) throw thrown
    error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  }
  const durationMs = Date.now() - startedAt.getTime()
  progress('judging the history')
  const conclusion = await concludeOf(experiment, history, error, quick)
  const result = resultSchema.parse({
    schemaVersion: 1,
    name: experiment.name,
    claim: experiment.claim,
    refutedBy: experiment.refutedBy,
    verdict: error === null ? composeVerdicts(conclusion.findings.map(({ verdict }) => verdict)) : 'unknown',
    error,
    findings: conclusion.findings.map((finding) => ({ evidence: [], ...finding })),
    entries: conclusion.entries,
    seed,
    quick,
    startedAt: startedAt.toISOString(),
    durationMs,
    machine: {
      cores: cpus().length,
      model: cpus()[0]?.model ?? '',
      memoryBytes: totalmem(),
      platform: `${process.platform} ${process.arch}`,
      node: process.versions.node,
    },
    versions: options.laboratory?.versions ?? {},
    tables: conclusion.report.tables,
    charts: conclusion.report.charts.map((chart) => ({ yScale: 'linear', ...chart })),
    facts: conclusion.report.facts ?? [],
  } satisfies { [Field in keyof Result]: unknown })
  const file = join(folder, 'result.json')
  await writeFile(`${file}.partial`, `${JSON.stringify(result, undefined, 2)}\n`)
  await rename(`${file}.partial`, file)
  return result
}

/** Of a run that broke off, the history still says what was seen; a history that cannot be read says nothing. */
async function concludeOf(
  experiment: Experiment,
  history: string,
  error: string | null,
  quick: boolean,
): Promise<Conclusion> {
  try {
    return await experiment.conclude(history, { quick })
  } catch (thrown) {
    const because = error === null ? `the history cannot be judged: ${String(thrown)}` : 'the run broke off'
    return {
      entries: 0,
      findings: experiment.statements.map((statement) => ({ statement, verdict: 'unknown', because })),
      report: { tables: [], charts: [] },
    }
  }
}
