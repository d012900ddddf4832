/**
 * Runs the whole test suite on real components, by itself: a laboratory of its own (`.lab/test`, its own ports), so that a running `make up` is neither needed nor touched.
 *
 *   node tests/run.ts                every kind: unit, int, e2e
 *   node tests/run.ts int sink       one kind, and only the files whose path has "sink" in it
 *
 * Its last line is `N passed, N failed`, counted from Jest's own results; a file that could not be loaded counts as a
 * failure, and so does a run in which no test was found.
 */
import { spawn } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LabError, withScratchLab } from '../infra/native/src/index.ts'

const kinds = ['unit', 'int', 'e2e'] as const
type Kind = (typeof kinds)[number]

interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

interface JestResult {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numRuntimeErrorTestSuites: number
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
    if (chosen.includes('unit')) tallies.push(await runJest('unit', args.slice(1)))
    const onStack = chosen.filter((name) => name !== 'unit')
    if (onStack.length > 0) {
      await withScratchLab({ name: 'test', signal: interruption.signal }, async ({ environment }) => {
        for (const name of onStack) tallies.push(await runJest(name, args.slice(1), environment))
      })
    }
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    process.stderr.write(`\n${error.message}\n`)
    tallies.push({ passed: 0, failed: 1, skipped: 0 })
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

async function runJest(
  kind: Kind,
  patterns: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Tally> {
  process.stdout.write(`\n== ${kind} tests\n`)
  const outputFile = join(root, 'node_modules/.cache', `jest-${kind}.json`)
  await mkdir(join(outputFile, '..'), { recursive: true })
  await rm(outputFile, { force: true })
  const args = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js']
  // The patterns come first: --selectProjects takes every bare word behind it for a project.
  args.push(...patterns, '--json', `--outputFile=${outputFile}`)
  // Real stores are shared, and two cores are few: one file after the other.
  if (kind !== 'unit') args.push('--runInBand')
  args.push('--selectProjects', kind)
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, env: environment, stdio: ['ignore', 'ignore', 'inherit'] })
    const stop = (): void => {
      child.kill('SIGTERM')
    }
    interruption.signal.addEventListener('abort', stop, { once: true })
    child.once('error', reject)
    child.once('exit', (code) => {
      interruption.signal.removeEventListener('abort', stop)
      resolve(code)
    })
  })
  if (interruption.signal.aborted) return { passed: 0, failed: 0, skipped: 0 }
  return tallyOf(await readFile(outputFile, 'utf8').catch(() => undefined), exitCode)
}

/** A run without a failed test that still ends badly has failed: something was left open, or Jest itself broke. */
function tallyOf(output: string | undefined, exitCode: number | null): Tally {
  if (output === undefined) return { passed: 0, failed: 1, skipped: 0 }
  const result = JSON.parse(output) as JestResult
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites
  return {
    passed: result.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: result.numPendingTests,
  }
}
