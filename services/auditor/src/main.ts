#!/usr/bin/env node
/**
 * The auditor's process: one audit, or with --continuous one after another. It only wires; nothing else in this
 * service reads the environment or the command line.
 */
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { ConfigError, EXIT, listen, operationsRouter, portSchema, runService, withLabSettings } from '@driftlab/service'
import express from 'express'
import { z } from 'zod'
import { parseArguments, usage, UsageError, type Arguments } from './arguments.ts'
import { audit, type AuditOptions } from './audit.ts'
import { connectionsFrom } from './connections.ts'
import { startAuditLoop } from './continuous.ts'
import { orderEventsFold } from './folds/order-events.ts'
import { startFollowing } from './live/follow.ts'
import { divergenceRoutes } from './live/routes.ts'
import { createProgressLine } from './progress-line.ts'
import { ordersSpecificationPath, readSpecification, SpecificationError, usualLanes } from './specification.ts'
import { renderReport } from './table.ts'
import { exitCodeOf } from './verdict.ts'
import { startWatch } from './watch.ts'

/**
 * An audit reads much and keeps little, so the heap is better collected early than grown: about half the resident
 * memory, at the same speed.
 */
setFlagsFromString('--optimize-for-size')

/** For lanes whose truth is an event log, by the names that a specification gives them. */
const folds = { 'order-events': orderEventsFold }

/** In continuous mode: a look at the log as often as metrics are usually collected, and none that is waited for longer. */
const watching = { intervalMs: 5_000, timeoutMs: 4_000 }

/** In continuous mode: from the end of one look at what changed to the start of the next. */
const following = { intervalMs: 1_000, timeoutMs: 4_000 }

/** EX_USAGE of sysexits.h. */
const exitUsage = 64
/** EX_SOFTWARE of sysexits.h. */
const exitSoftware = 70

async function main(): Promise<number> {
  const options = parseArguments(process.argv.slice(2))
  if (options.help) {
    await print(usage)
    return EXIT.ok
  }
  const auditOptions = await auditOptionsFrom(options)
  if (options.continuous) {
    await runContinuously(options, auditOptions)
    // It ends the process itself, unless its settings were bad: then it has set the exit code.
    return Number(process.exitCode ?? EXIT.ok)
  }
  return auditOnce(options, auditOptions)
}

type LaneAuditOptions = AuditOptions & { readonly lanes: readonly string[] }

async function auditOptionsFrom(options: Arguments): Promise<LaneAuditOptions> {
  const specification = await readSpecification(options.specificationPath ?? ordersSpecificationPath)
  const lanes = options.lanes ?? usualLanes(specification)
  for (const lane of lanes) {
    if (specification.lanes[lane] === undefined) {
      throw new UsageError(
        `there is no lane ${lane}; the specification has ${Object.keys(specification.lanes).join(', ')}`,
      )
    }
  }
  const settingsFile = process.env['LAB_ENV_FILE'] ?? join(import.meta.dirname, '../../../.env')
  const { deadlineMs, examplesMax, pageSize } = options
  const connections = connectionsFrom(withLabSettings(process.env, settingsFile), specification, lanes)
  const stateDir = process.env['STATE_DIR'] ?? tmpdir()
  return { specification, lanes, connections, folds, stateDir, deadlineMs, examplesMax, pageSize }
}

async function auditOnce(options: Arguments, auditOptions: AuditOptions): Promise<number> {
  const line = createProgressLine(process.stderr)
  const report = await audit({ ...auditOptions, onProgress: line.show })
  line.clear()
  const json = `${JSON.stringify(report, null, 2)}\n`
  const color = process.stdout.isTTY && process.env['NO_COLOR'] === undefined
  await print(options.jsonPath === '-' ? json : renderReport(report, { color }))
  if (options.jsonPath !== undefined && options.jsonPath !== '-') await writeFile(options.jsonPath, json)
  return exitCodeOf(report.verdict)
}

function print(text: string): Promise<void> {
  const written = Promise.withResolvers<undefined>()
  process.stdout.write(text, (error) => {
    if (error) written.reject(error)
    else written.resolve(undefined)
  })
  return written.promise
}

async function runContinuously(options: Arguments, auditOptions: LaneAuditOptions): Promise<void> {
  await runService({
    name: 'auditor',
    environment: process.env,
    schema: z.object({ HOST: z.string().default('127.0.0.1'), PORT: portSchema }),
    start: async ({ config, logger, metrics, fail }) => {
      const lanes = Object.fromEntries(
        auditOptions.lanes.map((lane) => [lane, Object.keys(auditOptions.specification.lanes[lane]?.stores ?? {})]),
      )
      const follow = startFollowing({ ...auditOptions, ...following, metrics, onFailure: fail })
      const loop = startAuditLoop({
        lanes,
        audit: () => audit({ ...auditOptions, onDivergence: follow.accept }),
        intervalMs: options.intervalMs,
        metrics,
        onReport: (report) => {
          follow.acceptReport(report)
          const { verdict, durationMs, lanes: reports } = report
          const verdicts = Object.fromEntries(Object.entries(reports).map(([lane, report]) => [lane, report.verdict]))
          const doubts = Object.values(reports).flatMap((report) => report.doubts)
          logger.info({ verdict, durationMs, verdicts, doubts }, 'audited')
        },
        onFailure: fail,
      })
      const watch = startWatch({
        ...auditOptions,
        ...watching,
        metrics,
        onDoubt: (doubt) => {
          logger.warn({ doubt }, 'the log could not be watched')
        },
        onFailure: fail,
      })
      const application = express().disable('x-powered-by')
      application.use(operationsRouter({ metrics, readiness: () => loop.readiness() }))
      application.use(divergenceRoutes(follow.lanes, logger))
      const server = await listen(application, { host: config.HOST, port: config.PORT })
      return {
        stop: async () => {
          await server.close()
          await Promise.all([watch.stop(), loop.stop(), follow.stop()])
        },
      }
    },
  })
}

/** @returns the exit code for a failure of the auditor itself: never one that could be taken for a verdict. */
function explain(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`auditor: ${error.message}\nRun it with --help to see every option.\n`)
    return exitUsage
  }
  if (error instanceof SpecificationError) {
    process.stderr.write(`auditor: ${error.message}\n`)
    return exitUsage
  }
  if (error instanceof ConfigError) {
    process.stderr.write(`auditor: ${error.message}\n`)
    return EXIT.badConfiguration
  }
  process.stderr.write(`auditor: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  return exitSoftware
}

let exitCode: number
try {
  exitCode = await main()
} catch (error) {
  exitCode = explain(error)
}
// A connection that is still being tried, to a broker that is away, must not keep a finished audit waiting.
process.exit(exitCode)
