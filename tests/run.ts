/**
 * Runs the whole test suite on real components, by itself: a laboratory of its own (`.lab/test`, its own ports), so that a running `make up` is neither needed nor touched.
 *
 *   node tests/run.ts                every kind: unit, int, e2e, browser where Chromium can be had, experiments (those that
 *                                    need no laboratory), and compose where a container engine can be had
 *   node tests/run.ts experiments    every experiment, quick: a claim that holds has passed
 *   node tests/run.ts int sink       one kind, and only the files whose path has "sink" in it
 *
 * Its last line is `N passed, N failed`, counted from Jest's own results; a file that could not be loaded counts as a
 * failure, and so does a run in which no test was found.
 */
import { join } from 'node:path'
import { experiments } from '../experiments/list.ts'
import type { Experiment } from '../experiments/runner/experiment.ts'
import { runExperiments } from '../experiments/runner/run-all.ts'
import { renderResult } from '../experiments/runner/text.ts'
import { openEngine, type Engine } from '../infra/images/engine.ts'
import { ensureImages } from '../infra/images/images.ts'
import { installChromium, LabError, resolveLayout, withScratchLab } from '../infra/native/src/index.ts'
import { projectName } from './compose/compose-project.ts'
import { nativeOnly } from './e2e/native-only.ts'
import { runJest, type JestRun, type Kind as JestKind } from './jest.ts'

const kinds = ['unit', 'int', 'e2e', 'browser', 'experiments', 'compose'] as const
type Kind = (typeof kinds)[number]

interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

const root = join(import.meta.dirname, '..')

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interruption.abort()
  })
}

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const [first] = args
  const kind = kinds.find((name) => name === first)
  if (first !== undefined && kind === undefined) {
    process.stderr.write(`There is no kind of test named ${first}. There are: ${kinds.join(', ')}.\n`)
    return 64
  }
  const chosen: readonly Kind[] = kind === undefined ? kinds : [kind]
  const tallies: Tally[] = []
  try {
    if (chosen.includes('unit')) tallies.push(await run('unit', args.slice(1)))
    const hasBrowser = chosen.includes('browser') && (await haveBrowser({ required: kind === 'browser' }))
    const onStack = chosen.filter(
      (name) => name === 'int' || name === 'e2e' || (name === 'browser' && hasBrowser),
    ) as readonly JestKind[]
    if (onStack.length > 0) {
      await withScratchLab({ name: 'test', signal: interruption.signal }, async ({ environment }) => {
        for (const name of onStack) tallies.push(await run(name, args.slice(1), environment))
      })
    }
    if (chosen.includes('experiments')) {
      // Those on the laboratory have not yet been seen to hold on machines of every speed; they run when they are named.
      const among = kind === 'experiments' ? experiments : experiments.filter(({ needs }) => needs === 'nothing')
      tallies.push(await runQuickExperiments(among, args.slice(1)))
    }
    if (chosen.includes('compose')) tallies.push(await runInContainers(args.slice(1), { required: kind === 'compose' }))
  } catch (error) {
    // A command that an interrupt ended rejects with the interrupt, which is said below.
    if (!interruption.signal.aborted) {
      if (!(error instanceof LabError)) throw error
      process.stderr.write(`\n${error.message}\n`)
      tallies.push({ passed: 0, failed: 1, skipped: 0 })
    }
  }
  if (interruption.signal.aborted) {
    process.stderr.write('\nInterrupted; everything that was started is stopped.\n')
    return 130
  }

  const sum = (count: keyof Tally): number => tallies.reduce((total, tally) => total + tally[count], 0)
  const skipped = sum('skipped')
  process.stdout.write(
    `\n${sum('passed')} passed, ${sum('failed')} failed${skipped === 0 ? '' : `, ${skipped} skipped`}\n`,
  )
  return sum('failed') === 0 && sum('passed') > 0 ? 0 : 1
}

/** A claim that holds has passed; one that is refuted or of which nothing is known has failed. */
async function runQuickExperiments(among: readonly Experiment[], patterns: readonly string[]): Promise<Tally> {
  process.stdout.write('\n== experiments\n')
  const chosen = among.filter(({ name }) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)))
  const results = await runExperiments(chosen, {
    resultsDir: join(root, '.lab/results/experiments-test'),
    seed: 7,
    quick: true,
    signal: interruption.signal,
    progress: () => undefined,
    onResult: (result) => {
      process.stdout.write(`\n${renderResult(result)}\n`)
    },
  })
  const passed = results.filter(({ verdict }) => verdict === 'holds').length
  return { passed, failed: results.length - passed, skipped: 0 }
}

/** Without a browser, and without a way to install one, this kind is left out, unless it was asked for by name. */
async function haveBrowser(options: { readonly required: boolean }): Promise<boolean> {
  try {
    await installChromium(resolveLayout(process.env), interruption.signal)
    return true
  } catch (error) {
    const isMissing =
      error instanceof LabError && (error.code === 'prerequisite-missing' || error.code === 'install-failed')
    if (options.required || !isMissing) throw error
    process.stdout.write(`\n== browser tests\nSKIPPED, all of them. ${error.message}\n`)
    return false
  }
}

/** Without an engine this kind is left out, unless it was asked for by name; either way it is said why. */
async function runInContainers(args: readonly string[], options: { readonly required: boolean }): Promise<Tally> {
  process.stdout.write('\n== compose tests\n')
  const { signal } = interruption
  const report = (line: string): void => {
    process.stdout.write(`${line}\n`)
  }
  const layout = resolveLayout({ ...process.env, LAB_DIR: join(root, '.lab/compose-test') })
  let engine: Engine
  try {
    engine = await openEngine({ layout, signal, report })
  } catch (error) {
    if (options.required || !(error instanceof LabError) || error.code !== 'prerequisite-missing') throw error
    report(`SKIPPED, all of them. ${error.message}`)
    return { passed: 0, failed: 0, skipped: 0 }
  }
  try {
    const standIns = await ensureImages({ engine, layout, signal, report })
    report(standIns.length === 0 ? 'Every image is the real one.' : `Stand-ins: ${standIns.join(', ')}.`)
    for (const { path, why } of nativeOnly) report(`Natively only: ${path}: ${why}.`)
    if (!options.required) report('Faults strike one sink and its store; make test-compose strikes each.')
    return await run('compose', args, { ...engine.environment, STRUCK_SINKS: options.required ? 'all' : 'one' })
  } finally {
    // Jest was ended before it could take its containers away.
    if (signal.aborted) await engine.docker(['compose', '--project-name', projectName, 'down', '--volumes'])
    await engine.close()
  }
}

async function run(kind: JestKind, args: readonly string[], environment = process.env): Promise<Tally> {
  process.stdout.write(`\n== ${kind} tests\n`)
  return tallyOf(await runJest({ root, kind, args, environment, signal: interruption.signal, verbose: true }))
}

/** A run without a failed test that still ends badly has failed: something was left open, or Jest itself broke. */
function tallyOf({ result, exitCode }: JestRun): Tally {
  if (result === undefined) return { passed: 0, failed: 1, skipped: 0 }
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites
  return {
    passed: result.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: result.numPendingTests,
  }
}
