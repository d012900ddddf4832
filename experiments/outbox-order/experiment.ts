/**
 * Five readers of one outbox, side by side on the same events, while transactions of very different lengths commit.
 * README.md says how and why.
 */
import { connectLog, type LogAdmin } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'
import { connectPostgres } from '@driftlab/stores'
import { eventually } from '@driftlab/stores/testing'
import { z } from 'zod'
import { addOutbox, createLane, dropLane } from '../../infra/postgres/lane.ts'
import { allOf } from '../laboratory/all-of.ts'
import { openConnector } from '../laboratory/connector.ts'
import { outboxOverrides, startRelay } from '../laboratory/fed-lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { insertOrders } from '../laboratory/orders-table.ts'
import { openTopics } from '../laboratory/topics.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { checks, report } from './checks.ts'
import { entrySchema, readers, type Entry, type Reader } from './history.ts'
import { readNumbering, runMixedLoad, runServiceLoad, tell } from './workload.ts'

/** Readers that leave rows where they are share one outbox; the one that takes them away has its own. */
const kept = 'outbox-order-kept'
const taken = 'outbox-order-taken'
const alone = 'outbox-order-alone'
const outboxes = [laneNames(kept).schema, laneNames(taken).schema] as const
const topicOf = (reader: Reader): string =>
  reader === 'connector' ? laneNames(kept).topic : `driftlab.outbox_order.${reader}`

const orderCount = 600
const clients = 8
const finishDeadlineMs = 60_000

export const outboxOrder = defineExperiment<Entry>({
  name: 'outbox-order',
  claim:
    'Of the readers of an outbox, `id > last` loses events whose transaction commits late; a horizon at the oldest ' +
    'open transaction loses none, but publishes changes of an order in the wrong order and makes everybody wait; ' +
    'reading from snapshot to snapshot, taking away what was published, and reading the log lose none and keep the order.',
  refutedBy:
    'No event lost by `id > last`, or none out of order by the horizon, where transactions of many orders run beside ' +
    'short ones; or one event lost or out of order by any of the other three.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report,
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { quick, record, progress, random } = context
  const laboratory = context.laboratory()
  const { postgres, url, signal } = laboratory

  progress('making outboxes and starting readers')
  for (const lane of [kept, taken, alone]) await openOutbox(laboratory, laneNames(lane).schema)
  const orders = await insertOrders(postgres, kept, orderCount)
  const hotOrders = await insertOrders(postgres, alone, 3)
  const admin = await connectLog({ brokers: [url.kafkaBrokers], clientId: 'outbox-order' }).connectAdmin()
  laboratory.atEnd(() => admin.close())
  const sentinel = crypto.randomUUID()
  const finished = await watchTopics(laboratory, admin, record, sentinel)
  await startReaders(laboratory)

  const writer = connectPostgres(url.postgres('ORDERS'), { connectionsMax: clients * 2, timeoutMs: 30_000 })
  laboratory.atEnd(() => writer.end())
  progress('transactions of one order and of many')
  await runMixedLoad({
    ...{ postgres: writer, schema: outboxes[0], outboxes, orders, clients, random, signal },
    ...{ durationMs: quick ? 5_000 : 60_000, ofManyOrdersMin: 550 },
    onCommitted: record,
  })
  await writer.query(tell(outboxes), [
    sentinel,
    JSON.stringify({ type: 'OrderChanged', occurredAt: new Date(), order: { id: sentinel, revision: 1 } }),
  ])
  progress('waiting for the readers')
  await eventually(() => readers.every((reader) => finished.has(reader)), {
    deadlineMs: finishDeadlineMs,
    what: 'every reader has published the last event',
  })
  record({ type: 'numbering', workload: 'mixed', ...(await readNumbering(postgres, outboxes[0])) })

  progress("the orders service's own transactions")
  await runServiceLoad({
    ...{ postgres: writer, lane: alone, orders: hotOrders, clients: clients * 2, signal },
    ...{ durationMs: quick ? 3_000 : 20_000, eventsMin: 450 },
  })
  const numbering = await readNumbering(postgres, laneNames(alone).schema)
  record({ type: 'numbering', workload: 'service', ...numbering })
}

async function openOutbox({ postgres, atEnd }: Laboratory, schema: string): Promise<void> {
  await dropLane(postgres, schema)
  atEnd(() => dropLane(postgres, schema))
  await createLane(postgres, schema)
  await addOutbox(postgres, schema)
}

async function startReaders(laboratory: Laboratory): Promise<void> {
  const { schema } = laneNames(kept)
  await openConnector(laboratory, {
    name: 'outbox-order',
    schema,
    overrides: await outboxOverrides(laboratory, schema),
  })
  await allOf(
    (['after-id', 'horizon', 'snapshot', 'take'] as const).map((reader) =>
      startRelay(laboratory, {
        name: `outbox-order-${reader}`,
        lane: reader === 'take' ? taken : kept,
        table: 'outbox',
        environment: { READER: reader, TOPIC: topicOf(reader) },
      }),
    ),
  )
}

const eventSchema = z.object({ order: z.object({ id: z.uuid(), revision: z.int() }) })

/** Records what comes in every reader's topic. @returns the readers that have published the sentinel, as they do. */
async function watchTopics(
  laboratory: Laboratory,
  admin: LogAdmin,
  record: (entry: Entry) => void,
  sentinel: string,
): Promise<ReadonlySet<Reader>> {
  const log = connectLog({ brokers: [laboratory.url.kafkaBrokers], clientId: 'outbox-order' })
  const finished = new Set<Reader>()
  await openTopics(
    laboratory,
    admin,
    readers.map((reader) => ({ name: topicOf(reader), partitions: 1 })),
  )
  const watch = async (reader: Reader): Promise<void> => {
    const topic = topicOf(reader)
    const groupId = `outbox-order-${reader}`
    laboratory.atEnd(() => admin.deleteGroups([groupId]))
    const consumption = await log.consume({
      groupId,
      topics: [topic],
      fetch: { minBytes: 1, maxWaitMs: 10, maxBytesPerPartition: 1_048_576 },
      concurrency: 1,
      onFailure: (error) => {
        throw error
      },
      onBatch: ({ records }) => {
        const atMs = performance.now()
        for (const { value } of records) {
          const { id: order, revision } = eventSchema.parse(JSON.parse(String(value))).order
          if (finished.has(reader)) break
          if (order === sentinel) {
            finished.add(reader)
            record({ type: 'finished', reader })
          } else {
            record({ type: 'published', reader, order, revision, atMs })
          }
        }
        return Promise.resolve('processed')
      },
    })
    laboratory.atEnd(() => consumption.stop())
  }
  await allOf(readers.map(watch))
  return finished
}
