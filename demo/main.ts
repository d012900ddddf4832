/**
 * `make demo`: the same load through dual writes and through change data capture, then an audit of both.
 *
 * Invariant: what this process started it also stops, whichever way it ends, unless KEEP=1 asks for it to stay and
 * nobody interrupted. A stack that ran before is used and left running, with its data. It judges nothing itself: the
 * auditor finds the differences, conclusion.ts says what they mean. RUNTIME decides where it happens, nothing else.
 *
 * Exit codes: 0 change data capture is consistent and dual writes diverged; 1 otherwise, or the demo could not run to
 * its end; 2 a verdict is unknown; 78 a bad variable; 130 interrupted.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import type { AuditReport, LaneReport } from '@driftlab/auditor'
import { ConfigError, loadConfig } from '@driftlab/service'
import { z } from 'zod'
import { LabError } from '../infra/native/src/index.ts'
import versions from '../infra/native/versions.json' with { type: 'json' }
import { formatLoad, LoadError, runLoad, type LoadResult } from '../load-tests/load.ts'
import { createProgressLine } from '../load-tests/progress-line.ts'
import { SettingError } from '../load-tests/settings.ts'
import { loadVariables } from '../load-tests/variables.ts'
import { openComposeStage } from './compose-stage.ts'
import { examplesMax, exitCodeOf, laneResultOf } from './conclusion.ts'
import { readTimeline, withWrites } from './look-back.ts'
import { openNativeStage } from './native-stage.ts'
import { renderReportMarkdown, renderReportPage } from './report-file.ts'
import { formatReport } from './report.ts'
import { demoResultSchema, lanes, type DemoResult, type Lane } from './result.ts'
import { readLag, readLatency, resetLatency, SinkError, sinkOf, sinks, waitUntilDrained } from './sinks.ts'
import type { Stage } from './stage.ts'

const exitCodes = { failure: 1, badConfiguration: 78, interrupted: 130 } as const

const variablesSchema = z.object({
  RATE: loadVariables.RATE,
  DURATION: loadVariables.DURATION,
  SEED: loadVariables.SEED,
  RUNTIME: z.enum(['native', 'docker'], 'must be native or docker').default('native'),
  KEEP: z
    .enum(['0', '1'], 'must be 1 (leave the stack running) or 0')
    .default('0')
    .transform((keep) => keep === '1'),
})
type Variables = z.output<typeof variablesSchema>

/** How long the sinks may take after the load to read what is left; far more than they need. */
const drainDeadlineMs = 120_000

class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

const line = createProgressLine(process.stdout)

function say(text: string): void {
  line.clear()
  process.stdout.write(`${text}\n`)
}

async function main(signal: AbortSignal): Promise<number> {
  const variables = loadConfig(variablesSchema, process.env)
  const stage = variables.RUNTIME === 'docker' ? openComposeStage() : await openNativeStage()
  const startedHere = !(await stage.isRunning())

  let leaveRunning = !startedHere
  try {
    say(
      startedHere
        ? 'Starting everything, with empty stores.'
        : 'The stack is running already: the demo uses it as it is, and leaves it running.',
    )
    await stage.bringUp({ fresh: startedHere, signal })
    say(`Watch it live: ${stage.dashboardUrl}`)
    const result = await demonstrate(stage, variables, signal)
    const files = await writeResult(stage.resultsDir, result)
    say(`\n${formatReport(result)}\n\nThe same to look at and to keep: ${files.join(', ')}`)
    leaveRunning ||= variables.KEEP
    say(
      leaveRunning
        ? `Everything is still running; README.md shows how to query each store by hand. Stop it with: ${stage.stopCommand}`
        : 'To look into the stores by hand, run it with KEEP=1.',
    )
    return result.exitCode
  } finally {
    line.clear()
    if (!leaveRunning) await stage.takeDown()
  }
}

async function demonstrate(stage: Stage, variables: Variables, signal: AbortSignal): Promise<DemoResult> {
  const startedAt = new Date().toISOString()
  const freshStart = (await Promise.all(lanes.map((lane) => isEmpty(stage.baseUrls(lane))))).every(Boolean)
  if (!freshStart) {
    say('The lanes hold orders of earlier loads. They are audited with the new ones; make reset clears them.')
  }

  const dualWriteLoad = await drive('dual-write', stage, variables, signal)
  const asked = sinks.map((sink) => stage.ask(sink))
  await Promise.all(asked.map(resetLatency))
  const cdcLoad = await drive('cdc', stage, variables, signal)
  const atLoadEnd = await readLag(asked)
  const { drainedInMs } = await waitUntilDrained(asked, {
    deadlineMs: drainDeadlineMs,
    signal,
    onLag: ({ records }) => {
      line.show('cdc: the sinks read what is left', `${records} records`)
    },
  })
  const latencyMs = {
    redis: await readLatency(stage.ask(sinkOf.redis)),
    elasticsearch: await readLatency(stage.ask(sinkOf.elasticsearch)),
    clickhouse: await readLatency(stage.ask(sinkOf.clickhouse)),
  }

  const report = await unlessInterrupted(
    stage.audit({
      lanes,
      examplesMax,
      onProgress: (lane, message) => {
        line.show(`audit of ${lane}`, message)
      },
    }),
    signal,
  )
  const results: DemoResult['lanes'] = {
    'dual-write': await withWrites(
      laneResultOf({
        load: dualWriteLoad,
        report: laneReport(report, 'dual-write'),
        latencyMs: { redis: null, elasticsearch: null, clickhouse: null },
        lag: null,
      }),
      stage.baseUrls('dual-write'),
    ),
    cdc: laneResultOf({ load: cdcLoad, report: laneReport(report, 'cdc'), latencyMs, lag: { atLoadEnd, drainedInMs } }),
  }
  return {
    schemaVersion: 1,
    startedAt,
    finishedAt: new Date().toISOString(),
    seed: variables.SEED,
    rate: variables.RATE,
    durationMs: variables.DURATION,
    freshStart,
    machine: {
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      platform: `${process.platform} ${process.arch}`,
      node: process.versions.node,
    },
    versions: {
      kafka: versions.kafka,
      debezium: versions.debezium,
      elasticsearch: versions.elasticsearch,
      k6: versions.k6,
    },
    timeline: await readTimeline(stage.dashboardUrl, { startedAt }),
    exitCode: exitCodeOf({ 'dual-write': results['dual-write'].verdict, cdc: results.cdc.verdict }),
    lanes: results,
  }
}

async function drive(
  lane: Lane,
  stage: Stage,
  { RATE: rate, DURATION: durationMs, SEED: seed }: Variables,
  signal: AbortSignal,
): Promise<LoadResult> {
  const result = await runLoad(
    { lane, baseUrls: stage.baseUrls(lane), rate, durationMs, seed },
    {
      k6: stage.k6,
      resultsDir: stage.resultsDir,
      signal,
      onProgress: ({ step, percent }) => {
        line.show(`${lane}: ${rate} changes/s for ${durationMs / 1_000} s, ${step}`, `${percent}%`)
      },
    },
  )
  say(formatLoad(result))
  return result
}

function laneReport(report: AuditReport, lane: Lane): LaneReport {
  const found = report.lanes[lane]
  if (found === undefined) throw new TypeError(`The audit says nothing of the lane ${lane}`)
  return found
}

const pageSchema = z.object({ orders: z.array(z.unknown()) })

async function isEmpty([baseUrl]: readonly string[]): Promise<boolean> {
  const response = await fetch(`${baseUrl ?? ''}/orders?limit=1`, { signal: AbortSignal.timeout(5_000) })
  return pageSchema.parse(await response.json()).orders.length === 0
}

/** An audit cannot be called off, but nobody has to wait for it: it only reads, and ends with this process. */
async function unlessInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const interrupted = Promise.withResolvers<never>()
  const interrupt = (): void => {
    interrupted.reject(signal.reason as Error)
  }
  signal.addEventListener('abort', interrupt)
  try {
    signal.throwIfAborted()
    return await Promise.race([work, interrupted.promise])
  } finally {
    signal.removeEventListener('abort', interrupt)
  }
}

/** Checked against the schema that others rely on, and each file replaced whole. @returns the files, to look at first. */
async function writeResult(resultsDir: string, result: DemoResult): Promise<readonly string[]> {
  const texts = {
    'report.html': renderReportPage(result),
    'report.md': renderReportMarkdown(result),
    'demo.json': `${JSON.stringify(demoResultSchema.parse(result), undefined, 2)}\n`,
  }
  await mkdir(resultsDir, { recursive: true })
  const files: string[] = []
  for (const [name, text] of Object.entries(texts)) {
    const file = join(resultsDir, name)
    await writeFile(`${file}.partial`, text)
    await rename(`${file}.partial`, file)
    files.push(file)
  }
  return files
}

const interruption = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // The listener stays, so that an impatient second Ctrl-C does not leave half of the stack behind.
  process.on(name, () => {
    line.clear()
    process.stderr.write('Stopping what was started; one moment, please.\n')
    interruption.abort(new Interrupted('Interrupted.'))
  })
}

let exitCode: number
try {
  exitCode = await main(interruption.signal)
} catch (error) {
  exitCode = interruption.signal.aborted ? exitCodes.interrupted : exitCodeOfError(error)
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`)
}
// A list that was cut short may have hidden the cursor.
if (process.stdout.isTTY) process.stdout.write('\u001B[?25h')
// Connections of an audit that was not waited for would keep the process alive.
process.exit(exitCode)

function exitCodeOfError(error: unknown): number {
  if (error instanceof ConfigError || error instanceof SettingError) return exitCodes.badConfiguration
  if (error instanceof LabError) return error.code === 'bad-settings' ? exitCodes.badConfiguration : exitCodes.failure
  if (error instanceof LoadError || error instanceof SinkError) return exitCodes.failure
  throw error
}
