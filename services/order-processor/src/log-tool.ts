#!/usr/bin/env node
/**
 * Asks the event log, for people: `make log-state`, `make log-trail` and `make log-check`. It only wires, reads and
 * prints; the answers are made in log-questions.ts.
 *
 *   node services/order-processor/src/log-tool.ts state    ORDER=… or SKU=…, as of now, OFFSET=… or AT=…
 *   node services/order-processor/src/log-tool.ts trail    ORDER=… or SKU=…
 *   node services/order-processor/src/log-tool.ts check
 *
 * LANE names another lane than event-sourcing, and JSON=1 wants the answer as data.
 *
 * Exit codes: 0 answered, and whole; 1 no such answer, or a log that is not whole; 2 a log with nothing in it; 64 wrong
 * use; 69 the log is not there; 78 a bad variable.
 */
import { connect } from 'node:net'
import { join } from 'node:path'
import { brokersSchema, connectLog, type LogAdmin, type LogRecord, type PartitionRange } from '@driftlab/kafka'
import { eventSourcedTopics, isLimited, stockKey } from '@driftlab/order-events'
import { ConfigError, EXIT, loadConfig, withLabSettings } from '@driftlab/service'
import { z } from 'zod'
import { laneSchema } from './config.ts'
import { isOfKey, startLogCheck, stateAsOf, trailOf, Unanswerable, type Moment } from './log-questions.ts'
import { renderReport, renderState, renderTrail } from './log-tables.ts'

const exitCodes = { answered: 0, noAnswer: 1, nothingSeen: 2, usage: 64, unavailable: 69 } as const
const verdictCodes = { whole: exitCodes.answered, broken: exitCodes.noAnswer, unknown: exitCodes.nothingSeen } as const

class UsageError extends Error {
  override readonly name = 'UsageError'
}

class Unavailable extends Error {
  override readonly name = 'Unavailable'
}

const variablesSchema = z.object({
  KAFKA_BROKERS: brokersSchema,
  LANE: laneSchema,
  ORDER: z.uuid('must be the id of an order, as POST /orders answers it').optional(),
  SKU: z.string().refine(isLimited, 'must begin with limited-: of other goods nobody counts a stock').optional(),
  OFFSET: z.coerce.number('must be a number').int().nonnegative().optional(),
  AT: z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-27T08:30:00Z' }).optional(),
  JSON: z.enum(['0', '1'], 'must be 1 (the answer as data) or 0').default('0'),
})
type Variables = z.output<typeof variablesSchema>

const startIt = 'Start the lane with: make up EVENT_SOURCING=1'
const connectTimeoutMs = 3_000

interface OpenLogTopic {
  readonly admin: LogAdmin
  readonly topic: string
  readonly ranges: readonly PartitionRange[]
}

async function main(question: string | undefined): Promise<number> {
  const settingsFile = process.env['LAB_ENV_FILE'] ?? join(import.meta.dirname, '../../../.env')
  const variables = loadConfig(variablesSchema, withBrokers(withLabSettings(process.env, settingsFile)))
  switch (question) {
    case 'state': {
      const key = keyFrom(variables)
      const moment = momentFrom(variables)
      return await withLog(variables, async (log) => {
        const asOf = stateAsOf(trailOf(await recordsOf(log, key), key), moment, log.ranges)
        print(variables, asOf, () => renderState(asOf))
        return exitCodes.answered
      })
    }
    case 'trail': {
      const key = keyFrom(variables)
      return await withLog(variables, async (log) => {
        const steps = trailOf(await recordsOf(log, key), key)
        const asJson = steps.map(({ place, event }) => ({ place, event }))
        print(variables, asJson, () => renderTrail(steps, key))
        return exitCodes.answered
      })
    }
    case 'check':
      return await withLog(variables, async ({ admin, topic, ranges }) => {
        const check = startLogCheck(topic, ranges)
        await admin.readAll(topic, (record) => {
          check.add(record)
        })
        const report = check.report()
        print(variables, report, () => renderReport(report, topic))
        return verdictCodes[report.verdict]
      })
    default:
      throw new UsageError('Which question? make log-state ORDER=…, make log-trail ORDER=… or make log-check.')
  }
}

/** The laboratory's settings name host and port apart. */
function withBrokers(settings: Readonly<Record<string, string | undefined>>): typeof settings {
  const { KAFKA_BROKERS: brokers, KAFKA_PORT: port, LAB_HOST: host = '127.0.0.1' } = settings
  if (brokers !== undefined || port !== undefined) return { KAFKA_BROKERS: `${host}:${port ?? ''}`, ...settings }
  throw new ConfigError(`There are no settings of a laboratory here, and KAFKA_BROKERS is missing. ${startIt}`)
}

function keyFrom({ ORDER: order, SKU: sku }: Variables): string {
  if (order !== undefined && sku === undefined) return order
  if (sku !== undefined && order === undefined) return stockKey(sku)
  throw new UsageError('Of what? Give either ORDER=<id of an order> or SKU=<name of limited goods>.')
}

function momentFrom({ OFFSET: offset, AT: time }: Variables): Moment {
  if (offset !== undefined && time !== undefined) throw new UsageError('As of when? Give OFFSET=… or AT=…, not both.')
  if (offset !== undefined) return { kind: 'offset', offset }
  return time === undefined ? { kind: 'now' } : { kind: 'time', time }
}

/** @throws {Unavailable} when there is no broker, or no such lane. */
async function withLog(
  { KAFKA_BROKERS: brokers, LANE: lane }: Variables,
  ask: (log: OpenLogTopic) => Promise<number>,
): Promise<number> {
  if (!(await isAnyReachable(brokers)))
    throw new Unavailable(`Kafka does not answer at ${brokers.join(', ')}. ${startIt}`)
  const admin = await connectLog({ brokers, clientId: 'log-tool' }).connectAdmin()
  try {
    const { events: topic } = eventSourcedTopics(lane)
    if (!(await admin.topicNames()).includes(topic)) {
      throw new Unavailable(`Kafka has no topic ${topic}, so there is no event log of a lane ${lane}. ${startIt}`)
    }
    return await ask({ admin, topic, ranges: await admin.ranges(topic) })
  } finally {
    await admin.close()
  }
}

/** The client would go on trying for a while; whoever asks by hand is told at once. */
async function isAnyReachable(brokers: readonly string[]): Promise<boolean> {
  const attempts = brokers.map(async (broker) => {
    const [host = '', port = ''] = broker.split(':')
    const socket = connect({ host, port: Number(port), timeout: connectTimeoutMs })
    try {
      await new Promise((resolve, reject) => {
        socket.once('connect', resolve).once('error', reject)
        socket.once('timeout', () => {
          reject(new Error('it takes too long'))
        })
      })
    } finally {
      socket.destroy()
    }
  })
  return (await Promise.allSettled(attempts)).some(({ status }) => status === 'fulfilled')
}

async function recordsOf({ admin, topic }: OpenLogTopic, key: string): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  await admin.readAll(topic, (record) => {
    if (isOfKey(record, key)) records.push(record)
  })
  return records
}

function print({ JSON: asJson }: Variables, answer: unknown, render: () => string): void {
  process.stdout.write(asJson === '1' ? `${JSON.stringify(answer, null, 2)}\n` : render())
}

try {
  process.exitCode = await main(process.argv[2])
} catch (error) {
  if (error instanceof Unanswerable) process.exitCode = exitCodes.noAnswer
  else if (error instanceof UsageError) process.exitCode = exitCodes.usage
  else if (error instanceof Unavailable) process.exitCode = exitCodes.unavailable
  else if (error instanceof ConfigError) process.exitCode = EXIT.badConfiguration
  else throw error
  process.stderr.write(`${error.message}\n`)
}
