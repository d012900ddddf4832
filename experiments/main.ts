/**
 * `make experiment NAME=…` and `make experiments`: runs experiments and prints their verdicts.
 *
 *   node experiments/main.ts                      all of them
 *   node experiments/main.ts interleavings …      those that are named
 *
 * QUICK=1 makes fewer trials, SEED seeds what is random, RECORD=1 writes the results into the experiments' READMEs,
 * docs/tour.md and docs/strategies.md. Each leaves its result and history in `.lab/results/experiments/<name>/`, and all of them
 * one page, `.lab/results/experiments/index.html`.
 *
 * Exit codes: 0 every claim holds; 1 one is refuted; 2 one is unknown, and none refuted; 64 there is no such
 * experiment; 78 a bad variable; 130 interrupted.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, loadConfig } from '@driftlab/service'
import { z } from 'zod'
import { LabError } from '../infra/native/src/index.ts'
import { createProgressLine } from '../load-tests/progress-line.ts'
import { experiments } from './list.ts'
import { composeVerdicts } from './runner/experiment.ts'
import { renderPage } from './runner/page.ts'
import { recordResults, recordStrategies, recordTour } from './runner/readme.ts'
import { readResults, type Result } from './runner/result.ts'
import { runExperiments } from './runner/run-all.ts'
import { renderResult, renderVerdicts } from './runner/text.ts'

const flag = (meaning: string) =>
  z
    .enum(['0', '1'], `must be 1 (${meaning}) or 0`)
    .default('0')
    .transform((value) => value === '1')

const variablesSchema = z.object({
  QUICK: flag('fewer trials'),
  RECORD: flag('write the results into the documents'),
  SEED: z.coerce.number().int().min(0).max(0x7fff_ffff).default(7),
})

const resultsDir = join(import.meta.dirname, '../.lab/results/experiments')
const line = createProgressLine(process.stdout)

const interruption = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // The listener stays, so that an impatient second Ctrl-C does not leave half of the stack behind.
  process.on(name, () => {
    line.clear()
    process.stderr.write('Stopping what was started; one moment, please.\n')
    interruption.abort(new LabError('interrupted', 'Interrupted.'))
  })
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  line.clear()
  if (interruption.signal.aborted) process.exitCode = 130
  else if (error instanceof ConfigError) process.exitCode = 78
  else if (error instanceof LabError) process.exitCode = 1
  else throw error
  process.stderr.write(
    `\n${interruption.signal.aborted || !(error instanceof Error) ? 'Interrupted.' : error.message}\n`,
  )
}

async function main(names: readonly string[]): Promise<number> {
  const variables = loadConfig(variablesSchema, process.env)
  const unknown = names.find((name) => !experiments.some((experiment) => experiment.name === name))
  if (unknown !== undefined) {
    const known = experiments.map(({ name }) => `  ${name}`).join('\n')
    process.stderr.write(`There is no experiment named ${unknown}. There are:\n${known}\n`)
    return 64
  }
  const chosen = names.length === 0 ? experiments : experiments.filter(({ name }) => names.includes(name))
  const results = await runExperiments(chosen, {
    resultsDir,
    seed: variables.SEED,
    quick: variables.QUICK,
    signal: interruption.signal,
    progress: (step, detail) => {
      line.show(step, detail)
    },
    onResult: (result) => {
      line.clear()
      process.stdout.write(`\n${renderResult(result)}\n`)
    },
  })

  const page = join(resultsDir, 'index.html')
  const all = inListOrder(await readResults(resultsDir))
  await writeFile(page, renderPage(all))
  if (variables.RECORD) {
    await recordResults(results)
    await recordTour(experiments)
    const names = experiments.map(({ name }) => name)
    const missing = await recordStrategies(names, all)
    if (missing.length > 0) {
      process.stdout.write(`\ndocs/strategies.md is as it was: no full result of ${missing.join(', ')}.\n`)
    }
  }
  process.stdout.write(`\n${renderVerdicts(inListOrder(results))}\nWith charts: ${page}\n`)
  switch (composeVerdicts(results.map(({ verdict }) => verdict))) {
    case 'holds':
      return 0
    case 'refuted':
      return 1
    case 'unknown':
      return 2
  }
}

function inListOrder(results: readonly Result[]): readonly Result[] {
  return experiments.flatMap(({ name }) => results.filter((result) => result.name === name))
}
