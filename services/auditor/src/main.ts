#!/usr/bin/env node
/**
 * The auditor's process: one audit, or with --continuous one after another. It only wires; nothing else in this
 * service reads the environment or the command line.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { ConfigError, EXIT, listen, operationsRouter, portSchema, runService } from '@driftlab/service'
import express from 'express'
import { z } from 'zod'
import { parseArguments, usage, UsageError, type Arguments } from './arguments.ts'
import { audit, type AuditOptions } from './audit.ts'
import { connectionsFrom, withLabSettings } from './connections.ts'
import { startAuditLoop } from './continuous.ts'
import { ordersSpecificationPath } from './index.ts'
import { createProgressLine } from './progress-line.ts'
import { readSpecification, SpecificationError } from './specification.ts'
import { renderReport } from './table.ts'
import { exitCodeOf } from './verdict.ts'

/**
 * An audit reads much and keeps little, so the heap is better collected early than grown: about half the resident
 * memory, at the same speed.
 */
setFlagsFromString('--optimize-for-size')

/** EX_USAGE of sysexits.h. */
const exitUsage = 64

async function main(): Promise<number> {
  const options = parseArguments(process.argv.slice(2))
  if (options.help) {
    process.stdout.write(usage)
    return EXIT.ok
  }
  const auditOptions = await auditOptionsFrom(options)
  if (options.continuous) {
    await runContinuously(options, auditOptions)
    return EXIT.ok
  }
  return auditOnce(options, auditOptions)
}

async function auditOptionsFrom(options: Arguments): Promise<AuditOptions> {
  const specification = await readSpecification(options.specificationPath ?? ordersSpecificationPath)
  const lanes = options.lanes ?? Object.keys(specification.lanes)
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
  return { specification, lanes, connections, deadlineMs, examplesMax, pageSize }
}

async function auditOnce(options: Arguments, auditOptions: AuditOptions): Promise<number> {
  const line = createProgressLine(process.stderr)
  const report = await audit({ ...auditOptions, onProgress: line.show })
  line.clear()
  const json = `${JSON.stringify(report, null, 2)}\n`
  if (options.jsonPath === '-') {
    process.stdout.write(json)
  } else {
    if (options.jsonPath !== undefined) await writeFile(options.jsonPath, json)
    process.stdout.write(renderReport(report, { color: process.stdout.isTTY && process.env['NO_COLOR'] === undefined }))
  }
  return exitCodeOf(report.verdict)
}

async function runContinuously(options: Arguments, auditOptions: AuditOptions): Promise<void> {
  await runService({
    name: 'auditor',
    environment: process.env,
    schema: z.object({ HOST: z.string().default('127.0.0.1'), PORT: portSchema }),
    start: async ({ config, logger, metrics, fail }) => {
      const loop = startAuditLoop({
        audit: () => audit(auditOptions),
        intervalMs: options.intervalMs,
        metrics,
        onReport: ({ verdict, durationMs, lanes }) => {
          const verdicts = Object.fromEntries(Object.entries(lanes).map(([lane, report]) => [lane, report.verdict]))
          const doubts = Object.values(lanes).flatMap((lane) => lane.doubts)
          logger.info({ verdict, durationMs, verdicts, doubts }, 'audited')
        },
        onFailure: fail,
      })
      const application = express().disable('x-powered-by')
      application.use(operationsRouter({ metrics, readiness: () => loop.readiness() }))
      const server = await listen(application, { host: config.HOST, port: config.PORT })
      return {
        stop: async () => {
          await server.close()
          await loop.stop()
        },
      }
    },
  })
}

try {
  process.exitCode = await main()
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`auditor: ${error.message}\nRun it with --help to see every option.\n`)
    process.exitCode = exitUsage
  } else if (error instanceof SpecificationError) {
    process.stderr.write(`auditor: ${error.message}\n`)
    process.exitCode = exitUsage
  } else if (error instanceof ConfigError) {
    process.stderr.write(`auditor: ${error.message}\n`)
    process.exitCode = EXIT.badConfiguration
  } else {
    throw error
  }
}
