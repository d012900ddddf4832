/**
 * Takes each guard of guard-list.ts out of a throw-away copy of this tree, and requires that its test passes before and
 * fails then: a guard that no test misses is not known to work.
 *
 *   node tests/guards.ts                  all of them, in some eight minutes
 *   node tests/guards.ts redis watermark  those with one of these words in their name
 *
 * The copy is `.lab/guards/tree`; one laboratory, that of the copy, serves all tests. Nothing outside is changed, so it
 * may be interrupted at any time. It ends with 1 unless every guard was caught.
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'
import type * as Laboratory from '../infra/native/src/index.ts'
import type * as EndToEnd from './e2e/pipeline.ts'
import { guardedFiles, guards, type Guard } from './guard-list.ts'
import { runJest, type JestRun } from './jest.ts'

type Outcome = 'caught' | 'NOT CAUGHT' | 'fails in another way' | 'fails with the guard in place' | 'not run'

interface Finding {
  readonly outcome: Outcome
  /** What the test said, unless the guard was caught. */
  readonly said: string
}

const root = join(import.meta.dirname, '..')
const tree = join(root, '.lab/guards/tree')

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interruption.abort()
  })
}
const { signal } = interruption
const isInterrupted = (): boolean => signal.aborted

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const chosen = guards.filter(
    ({ name }) => args.length === 0 || args.some((part) => name.toLowerCase().includes(part.toLowerCase())),
  )
  if (chosen.length === 0) {
    process.stderr.write(`No guard has ${args.join(' or ')} in its name. There are:\n`)
    for (const { name } of guards) process.stderr.write(`  ${name}\n`)
    return 64
  }
  await copyTree()
  // A guard that is no longer where the list says is told at once, not after minutes.
  const gone = (await Promise.allSettled(chosen.map((guard) => guardedFiles(guard, tree)))).flatMap((outcome) =>
    outcome.status === 'rejected' ? [String(outcome.reason)] : [],
  )
  if (gone.length > 0) {
    process.stderr.write(`${gone.join('\n')}\n`)
    return 1
  }
  const findings = new Map<Guard, Finding>()
  const examine = async (guard: Guard, stand: Stand): Promise<void> => {
    if (isInterrupted()) return
    process.stdout.write(`${guard.name} ... `)
    const beganAt = performance.now()
    const finding = await examineGuard(guard, stand)
    if (isInterrupted()) return
    findings.set(guard, finding)
    process.stdout.write(
      `${finding.outcome} (${((performance.now() - beganAt) / 1_000).toFixed(0)} s)\n${finding.said}`,
    )
  }

  const [alone, onStack] = [chosen.filter(isUnit), chosen.filter((guard) => !isUnit(guard))]
  for (const guard of alone) await examine(guard, { environment: process.env, reload: nothing, heal: nothing })
  if (onStack.length > 0) {
    const { withScratchLab, LabError } = (await import(join(tree, 'infra/native/src/index.ts'))) as typeof Laboratory
    try {
      await withScratchLab({ name: 'guards', signal }, async (lab) => {
        const stand = await openStand(lab)
        for (const guard of onStack) await examine(guard, stand)
      })
    } catch (error) {
      if (!(error instanceof LabError)) throw error
      process.stderr.write(`\n${error.message}\n`)
    }
  }
  if (isInterrupted()) {
    process.stderr.write('\nInterrupted; everything that was started is stopped.\n')
    return 130
  }

  const table = new Table({
    head: ['guard', 'test', 'kind', ''],
    colWidths: [44, 60, 6, 14],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  })
  table.push(
    ...chosen.map((guard) => [guard.name, guard.test.name, guard.test.kind, findings.get(guard)?.outcome ?? 'not run']),
  )
  const caught = [...findings.values()].filter(({ outcome }) => outcome === 'caught').length
  process.stdout.write(`\n${table.toString()}\n\n${caught} of ${chosen.length} guards caught\n`)
  return caught === chosen.length ? 0 : 1
}

function isUnit({ test }: Guard): boolean {
  return test.kind === 'unit'
}

/** What the tests of a guard run on. */
interface Stand {
  readonly environment: NodeJS.ProcessEnv
  /** Has the laboratory run the files as they are now. */
  readonly reload: (guard: Guard) => Promise<void>
  /** Mends what a sink without its guard has done to the stores. */
  readonly heal: (guard: Guard) => Promise<void>
}

function nothing(): Promise<void> {
  return Promise.resolve()
}

async function openStand({ environment, layout }: Laboratory.ScratchLab): Promise<Stand> {
  const { openPipeline, sinks } = (await import(join(tree, 'tests/e2e/pipeline.ts'))) as typeof EndToEnd
  let epoch = 0
  let pipeline = await openPipeline(environment)
  return {
    environment,
    reload: async ({ components = [] }) => {
      const { lab } = pipeline
      const jobs = (await lab.status()).filter(({ kind }) => kind === 'job').map(({ name }) => name)
      for (const name of components) await (jobs.includes(name) ? lab.runJob(name) : lab.restart(name))
    },
    heal: async ({ test }) => {
      if (test.kind !== 'e2e') return
      // In a new epoch every change of the log is newer than anything that the stores hold, right or wrong.
      epoch += 1
      const settings = await readFile(layout.envFile, 'utf8')
      await writeFile(layout.envFile, settings.replace(/^TOPIC_EPOCH=.*$/mu, `TOPIC_EPOCH=${epoch}`))
      pipeline = await openPipeline(environment)
      await pipeline.mend()
      await pipeline.replay(sinks)
    },
  }
}

async function examineGuard(guard: Guard, stand: Stand): Promise<Finding> {
  const before = readResult(guard, await runTest(guard, stand))
  if (before.status !== 'passed') return { outcome: 'fails with the guard in place', said: before.said }
  const after = await withoutGuard(guard, stand, async () => readResult(guard, await runTest(guard, stand)))
  if (after.status === 'passed') return { outcome: 'NOT CAUGHT', said: '' }
  if (after.status === 'failed' && after.errors.includes(guard.symptom)) return { outcome: 'caught', said: '' }
  return { outcome: 'fails in another way', said: after.said }
}

async function withoutGuard<Result>(guard: Guard, stand: Stand, task: () => Promise<Result>): Promise<Result> {
  const files = await guardedFiles(guard, tree)
  for (const { path, unguarded } of files) await writeFile(path, unguarded)
  try {
    await stand.reload(guard)
    return await task()
  } finally {
    for (const { path, guarded } of files) await writeFile(path, guarded)
    // When interrupted, the laboratory is about to end.
    if (!isInterrupted()) {
      await stand.reload(guard)
      await stand.heal(guard)
    }
  }
}

function runTest({ test }: Guard, { environment }: Stand): Promise<JestRun> {
  const name = test.name.replaceAll(/[.*+?^${}()|[\]\\]/gu, '\\$&')
  return runJest({
    root: tree,
    kind: test.kind,
    args: [test.path, '--testNamePattern', name],
    environment,
    signal,
    verbose: false,
  })
}

interface TestReport {
  readonly status: 'passed' | 'failed' | 'not run'
  /** What went wrong, in full. */
  readonly said: string
  /** The test's own errors, without the lines of code that Jest shows around them. */
  readonly errors: string
}

/** A test that was named but did not run, because its file could not be loaded, has not failed. */
function readResult({ test }: Guard, { result }: JestRun): TestReport {
  if (result === undefined) return { status: 'not run', said: 'Jest ended without results\n', errors: '' }
  const ran = result.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status, fullName }) => fullName.includes(test.name) && (status === 'passed' || status === 'failed'))
  const said = result.testResults.map(({ message }) => `${message}\n`).join('')
  if (ran.length === 0) return { status: 'not run', said, errors: '' }
  const errors = stripVTControlCharacters(ran.flatMap(({ failureMessages }) => failureMessages).join('\n'))
  return { status: ran.every(({ status }) => status === 'passed') ? 'passed' : 'failed', said, errors }
}

/** The working tree as it stands, not as it was committed. Packages of others are found further up, in our own. */
async function copyTree(): Promise<void> {
  await mkdir(tree, { recursive: true })
  for (const name of await readdir(tree)) {
    // The laboratory of an earlier run that was killed is on record in there, and will be stopped by it.
    if (name !== '.lab') await rm(join(tree, name), { recursive: true, force: true })
  }
  const left: readonly string[] = ['.git', '.lab', '.env', 'node_modules']
  for (const name of await readdir(root)) {
    if (left.includes(name)) continue
    await cp(join(root, name), join(tree, name), {
      recursive: true,
      filter: (source) => basename(source) !== 'node_modules',
    })
  }
  const ours = 'node_modules/@driftlab'
  await cp(join(root, ours), join(tree, ours), { recursive: true, verbatimSymlinks: true })
}
