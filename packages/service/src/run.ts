import { inspect } from 'node:util'
import type { z } from 'zod'
import { ConfigError, loadConfig } from './config.ts'
import { createLogger, type Logger, type LogLevel } from './logger.ts'
import { createMetrics, type Metrics } from './metrics.ts'

/** Exit codes; 78 is EX_CONFIG of sysexits.h. */
export const EXIT = { ok: 0, failure: 1, badConfiguration: 78 } as const

/** How long a stop may take before the process gives up on it and exits with a failure. */
export const stopDeadlineMs = 20_000

export interface ServiceContext<Config> {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  /** Reports a bug or a lost component: the process logs it, stops and exits with 1. Never returns control to retry. */
  readonly fail: (error: unknown) => void
}

export interface RunningService {
  /** Drains: takes no new work, finishes what it has, closes its connections. */
  stop(): Promise<void>
}

interface ProcessOptions<Schema extends z.ZodType> {
  readonly name: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly schema: Schema
}

export interface ServiceOptions<Schema extends z.ZodType> extends ProcessOptions<Schema> {
  /** The lane that the process serves, if it serves one: a label on its metrics. */
  readonly lane?: (config: Readonly<z.output<Schema>>) => string
  readonly start: (context: ServiceContext<Readonly<z.output<Schema>>>) => Promise<RunningService>
}

/** Tells whoever watches a job how it goes, a line of plain text at a time. */
export type Report = (line: string) => void

export interface JobOptions<Schema extends z.ZodType> extends ProcessOptions<Schema> {
  /** Must be harmless to run again, and close what it opens: the process ends when nothing is left to do. */
  readonly run: (config: Readonly<z.output<Schema>>, report: Report) => Promise<void>
  /** What to look at first when it fails; the last line that a person reads. */
  readonly hint: string
}

/**
 * Runs one job to its end: reads the configuration, then does the work. A bad variable ends it with 78, a failure with
 * 1, the error and the hint.
 */
export async function runJob<Schema extends z.ZodType>(options: JobOptions<Schema>): Promise<void> {
  const config = readConfig(options)
  if (config === undefined) return
  try {
    await options.run(config, (line) => {
      process.stdout.write(`${options.name}: ${line}\n`)
    })
  } catch (error) {
    process.stderr.write(`${inspect(error)}\n${options.name} failed. ${options.hint}\n`)
    process.exitCode = EXIT.failure
  }
}

/** @returns nothing when a variable is bad; standard error then names it, and the process will end with 78. */
function readConfig<Schema extends z.ZodType>(options: ProcessOptions<Schema>): Readonly<z.output<Schema>> | undefined {
  try {
    return loadConfig(options.schema, options.environment)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${options.name}: ${error.message}\n`)
    process.exitCode = EXIT.badConfiguration
    return undefined
  }
}

/**
 * Runs one process from its first line to its last: reads the configuration, starts the service, and on SIGTERM or
 * SIGINT drains it. A bad variable ends it with 78, a crash with 1; a stop that hangs is cut off after 20 s.
 */
export async function runService<Schema extends z.ZodType>(options: ServiceOptions<Schema>): Promise<void> {
  const logger = createLogger(options.name, (options.environment['LOG_LEVEL'] ?? 'info') as LogLevel)
  const config = readConfig(options)
  if (config === undefined) return

  const ending = Promise.withResolvers<{ readonly reason: string; readonly error?: unknown }>()
  const fail = (error: unknown): void => {
    ending.resolve({ reason: 'failed', error })
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      ending.resolve({ reason: signal })
    })
  }
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)

  let exitCode: number = EXIT.ok
  try {
    const lane = options.lane?.(config)
    const metrics = createMetrics({ service: options.name, ...(lane === undefined ? {} : { lane }) })
    const service = await options.start({ config, logger, metrics, fail })
    logger.info('started')
    const { reason, error } = await ending.promise
    if (error === undefined) {
      logger.info({ reason }, 'stopping')
    } else {
      exitCode = EXIT.failure
      logger.fatal({ err: error }, 'failed; stopping')
    }
    setTimeout(() => {
      logger.fatal({ stopDeadlineMs }, 'the stop took too long; exiting with work unfinished')
      process.exit(EXIT.failure)
    }, stopDeadlineMs).unref()
    await service.stop()
    logger.info('stopped')
  } catch (error) {
    exitCode = EXIT.failure
    logger.fatal({ err: error }, 'crashed')
  }
  process.exit(exitCode)
}
