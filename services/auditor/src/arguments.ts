/**
 * The command line of the auditor, as data. Pure.
 */
import { parseArgs } from 'node:util'
import { auditDefaults } from './audit.ts'

export interface Arguments {
  readonly help: boolean
  readonly specificationPath: string | undefined
  readonly lanes: readonly string[] | undefined
  readonly deadlineMs: number
  readonly examplesMax: number
  readonly pageSize: number
  /** A path, or `-` for standard output. */
  readonly jsonPath: string | undefined
  readonly continuous: boolean
  readonly intervalMs: number
}

/** The command line cannot be understood; the message says what would be. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const usage = `Compares the system of record with every derived store, order by order, and says who drifted.

  node services/auditor/src/main.ts [options]

  --spec PATH       what to compare (default: the lanes of this repository)
  --lane NAME       audit only this lane; may be given more than once
  --deadline SEC    how long one wait for the log or for writes in flight may take (${auditDefaults.deadlineMs / 1000})
  --examples N      how many diverged keys to show of each lane (${auditDefaults.examplesMax})
  --page-size N     how many rows to read at once (${auditDefaults.pageSize})
  --json PATH       also write the report as JSON; - for standard output, instead of the table
  --continuous      go on auditing, and serve /live, /ready and /metrics on HOST:PORT
  --interval SEC    with --continuous: from the end of one audit to the start of the next (30)
  --help

Exit: 0 consistent, 1 diverged, 2 unknown (something was not seen), 64 bad options, 70 a fault of its own,
78 bad settings.
Settings: POSTGRES_URL, REDIS_URL, ELASTICSEARCH_URL, CLICKHOUSE_URL, KAFKA_BROKERS; what is not set is taken from the
lab's settings, LAB_ENV_FILE or .env.
`

/** @throws {UsageError} */
export function parseArguments(argv: readonly string[]): Arguments {
  const values = parse(argv)
  return {
    help: values.help,
    specificationPath: values.spec,
    lanes: values.lane,
    deadlineMs: number('--deadline', values.deadline, auditDefaults.deadlineMs / 1000, { min: 0, max: 86_400 }) * 1000,
    examplesMax: whole('--examples', values.examples, auditDefaults.examplesMax, { min: 0, max: 1_000 }),
    pageSize: whole('--page-size', values['page-size'], auditDefaults.pageSize, { min: 1, max: 10_000 }),
    jsonPath: values.json,
    continuous: values.continuous,
    intervalMs: number('--interval', values.interval, 30, { min: 0.1, max: 86_400 }) * 1000,
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      strict: true,
      allowPositionals: false,
      options: {
        help: { type: 'boolean', default: false, short: 'h' },
        spec: { type: 'string' },
        lane: { type: 'string', multiple: true },
        deadline: { type: 'string' },
        examples: { type: 'string' },
        'page-size': { type: 'string' },
        json: { type: 'string' },
        continuous: { type: 'boolean', default: false },
        interval: { type: 'string' },
      },
    }).values
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

interface Range {
  readonly min: number
  readonly max: number
}

function number(option: string, text: string | undefined, fallback: number, { min, max }: Range): number {
  if (text === undefined) return fallback
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new UsageError(`${option} must be a number from ${min} to ${max}, not ${JSON.stringify(text)}`)
}

function whole(option: string, text: string | undefined, fallback: number, range: Range): number {
  const value = number(option, text, fallback, range)
  if (Number.isInteger(value)) return value
  throw new UsageError(`${option} must be a whole number, not ${JSON.stringify(text)}`)
}
