/** Runs Jest on one kind of test and reads what it found out. */
import { spawn } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export type Kind = 'unit' | 'int' | 'e2e' | 'browser' | 'compose'

export interface JestResult {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numRuntimeErrorTestSuites: number
  readonly testResults: readonly TestFileResult[]
}

export interface TestFileResult {
  /** Why the file could not be run, or its failures in words. */
  readonly message: string
  readonly assertionResults: readonly {
    readonly status: 'passed' | 'failed' | 'pending' | 'todo' | 'skipped' | 'disabled'
    /** The names of the `describe` blocks around it and its own. */
    readonly fullName: string
    readonly failureMessages: readonly string[]
  }[]
}

export interface JestRun {
  readonly exitCode: number | null
  /** Undefined when Jest did not get as far as having results, or was interrupted. */
  readonly result: JestResult | undefined
}

export interface JestOptions {
  /** Of the tree whose tests are to run. */
  readonly root: string
  readonly kind: Kind
  /** Jest's own: parts of paths first, then flags. */
  readonly args: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  /** Shows what Jest says while it runs. */
  readonly verbose: boolean
}

const jest = createRequire(import.meta.url).resolve('jest/bin/jest')

export async function runJest(options: JestOptions): Promise<JestRun> {
  const { root, kind, signal, environment, verbose } = options
  const outputFile = join(root, 'node_modules/.cache', `jest-${kind}.json`)
  await mkdir(dirname(outputFile), { recursive: true })
  await rm(outputFile, { force: true })
  const args = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', jest]
  // The patterns come first: --selectProjects takes every bare word behind it for a project.
  args.push(...options.args, '--json', `--outputFile=${outputFile}`)
  // Real stores are shared, and two cores are few: one file after the other.
  if (kind !== 'unit') args.push('--runInBand')
  args.push('--selectProjects', kind)
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    const stdio = ['ignore', 'ignore', verbose ? 'inherit' : 'ignore'] as const
    const child = spawn(process.execPath, args, { cwd: root, env: environment, stdio: [...stdio] })
    const stop = (): void => {
      child.kill('SIGTERM')
    }
    signal.addEventListener('abort', stop, { once: true })
    child.once('error', reject)
    child.once('exit', (code) => {
      signal.removeEventListener('abort', stop)
      resolve(code)
    })
  })
  const output = signal.aborted ? undefined : await readFile(outputFile, 'utf8').catch(() => undefined)
  return { exitCode, result: output === undefined ? undefined : (JSON.parse(output) as JestResult) }
}
