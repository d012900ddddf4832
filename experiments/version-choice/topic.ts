/** One topic of a connector, read as the sinks read it: committed records only, in the order of each partition. */
import { decode, type ChangeEvent } from '@driftlab/change-event'
import { connectLog, type LogRecord } from '@driftlab/kafka'
import { eventually } from '@driftlab/stores/testing'
import { z } from 'zod'
import type { Laboratory } from '../laboratory/laboratory.ts'
import type { Recorded, Situation } from './history.ts'
import { stepOf, type Orders } from './orders.ts'

/** A change, what the sink's decoder makes of it, and what the record says about itself. */
export interface Read {
  readonly recorded: Recorded
  readonly change: ChangeEvent
}

export interface TopicReader {
  /** All that has been read until now, partition by partition. */
  readonly reads: () => readonly Read[]
  until(condition: (reads: readonly Read[]) => boolean, what: string): Promise<void>
  /** Until the last step of every order was read. */
  untilAllIsRead(): Promise<void>
  stop(): Promise<void>
}

const deadlineMs = 60_000

export async function readTopic(
  laboratory: Laboratory,
  orders: Orders,
  options: { readonly situation: Situation; readonly topic: string; readonly topicNumber: number },
): Promise<TopicReader> {
  const { situation, topic, topicNumber } = options
  const log = connectLog({ brokers: [laboratory.url.kafkaBrokers], clientId: 'version-choice' })
  const groupId = `version-choice-${crypto.randomUUID()}`
  const admin = await log.connectAdmin()
  laboratory.atEnd(async () => {
    await admin.deleteGroups([groupId])
    await admin.close()
  })
  /** By its place, so that a record which this reader gets twice is in the topic once. */
  const byPlace = new Map<string, Read>()
  let failure: { readonly error: unknown } | undefined
  const consumption = await log.consume({
    groupId,
    topics: [topic],
    fetch: { minBytes: 1, maxWaitMs: 20, maxBytesPerPartition: 1_048_576 },
    concurrency: 1,
    onFailure: (error) => {
      failure = { error }
    },
    onBatch: ({ records }) => {
      for (const record of records) {
        const read = toRead(record, orders, situation, topicNumber)
        if (read !== undefined) byPlace.set(`${record.partition}/${record.offset}`, read)
      }
      return Promise.resolve('processed')
    },
  })
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => (stopped ??= consumption.stop())
  laboratory.atEnd(stop)
  const reads = (): readonly Read[] =>
    [...byPlace.values()].sort(({ recorded: a }, { recorded: b }) => a.partition - b.partition || a.offset - b.offset)
  const until: TopicReader['until'] = async (condition, what) => {
    await eventually(() => failure !== undefined || laboratory.signal.aborted || condition(reads()), {
      ...{ deadlineMs, intervalMs: 20, what: `${situation}: ${what}` },
    })
    laboratory.signal.throwIfAborted()
    if (failure !== undefined) throw failure.error
  }
  return {
    reads,
    until,
    untilAllIsRead: () =>
      until((all) => {
        const steps = new Map<string, number>()
        for (const { recorded } of all) steps.set(recorded.key, Math.max(recorded.step, steps.get(recorded.key) ?? 0))
        return orders.keys().every((key) => steps.get(key) === orders.lastStepOf(key))
      }, 'the last change of every order is read'),
    stop,
  }
}

const position = z.string().regex(/^\d+$/).transform(Number).nullable()
const envelopeSchema = z.object({
  op: z.enum(['r', 'c', 'u', 'd']),
  source: z.object({
    snapshot: z.union([z.string(), z.boolean()]).optional(),
    lsn: z.int().nullish(),
    sequence: z.string().transform((text) => z.tuple([position, position]).parse(JSON.parse(text))),
    ts_us: z.int(),
  }),
})

function toRead(record: LogRecord, orders: Orders, situation: Situation, topicNumber: number): Read | undefined {
  const decoded = decode(record, {
    format: 'debezium',
    table: { schema: orders.schema, name: 'orders' },
    epoch: topicNumber,
  })
  if (decoded.type === 'tombstone') return undefined
  if (decoded.type !== 'change') throw new Error(`${situation}: no change at offset ${record.offset}: ${decoded.type}`)
  const { change } = decoded
  const row = change.kind === 'delete' ? change.before : change.after
  const { op, source } = envelopeSchema.parse(JSON.parse(String(record.value)))
  const key = z.uuid().parse(row['id'])
  return {
    change,
    recorded: {
      ...{ kind: 'record', situation, topicNumber, partition: record.partition, offset: record.offset },
      ...{ key, story: orders.storyOf(key), op, snapshot: String(source.snapshot ?? 'false'), step: stepOf(change) },
      ...{ lsn: source.lsn ?? null, sequence: source.sequence, tsUs: source.ts_us },
      revision: z.coerce.number().int().parse(row['revision']),
    },
  }
}
