/**
 * What is left of a topic when it is compacted, and whether that is enough: all three stores are rebuilt from it, with
 * nothing else to ask.
 *
 * The lane has a topic of its own, whose segments are small and whose cleaner is eager; both the live stores and the
 * rebuilt ones come from it.
 */
import { connectLog, type LogAdmin } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'
import type { Postgres } from '@driftlab/stores'
import { eventually } from '@driftlab/stores/testing'
import { setTimeout as delay } from 'node:timers/promises'
import { storeNames } from '../../services/rebuild/src/generation.ts'
import { openConnector } from '../laboratory/connector.ts'
import { openFedLane } from '../laboratory/fed-lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { insertOrders } from '../laboratory/orders-table.ts'
import { openReaders } from '../laboratory/readers.ts'
import { compareGenerations, startRebuild } from '../laboratory/rebuild.ts'
import { defineExperiment, type Report, type RunContext } from '../runner/experiment.ts'
import { checks } from './checks.ts'
import { entriesOf, entrySchema, type Entry } from './history.ts'
import { eagerlyCompacted, readTopic } from './topic.ts'

const lane = 'cdc-compaction'
const hotOrders = 100
/** Enough that each partition gets some. */
const closingOrders = 64
/** A broker's cleaner looks for work every fifteen seconds. */
const compactionDeadlineMs = 120_000

export const compaction = defineExperiment<Entry>({
  name: 'compaction',
  claim:
    'A compacted topic keeps the last record of every key, and that is all a store needs: all three are rebuilt from it alone, with the database stopped, equal to the live ones, and what was deleted stays deleted.',
  refutedBy:
    'A key that compaction loses, an order that a rebuilt store lacks, has too many or has otherwise than the live one, or a deleted order that comes back.',
  needs: 'laboratory',
  entry: entrySchema,
  run: async (context) => {
    const { record, quick, progress } = context
    const laboratory = context.laboratory()
    const { lab, layout, postgres, url } = laboratory
    const { schema, topic } = laneNames(lane)
    const plan = quick ? { orders: 3_000, rounds: 60, deleted: 100 } : { orders: 50_000, rounds: 500, deleted: 1_000 }

    progress('opening a lane')
    const fed = await openFedLane(laboratory, lane, 'rows-by-connector')
    const admin = await connectLog({ brokers: [url.kafkaBrokers], clientId: lane }).connectAdmin()
    laboratory.atEnd(() => admin.close())
    // Not yet, or the cleaner would be done before the topic is measured.
    await admin.setTopicConfig(topic, { ...eagerlyCompacted, 'cleanup.policy': 'delete' })

    progress('loading', `${plan.orders} orders, ${plan.rounds * hotOrders} changes of ${hotOrders} of them`)
    const ids = await insertOrders(postgres, lane, plan.orders)
    const hot = ids.slice(0, hotOrders)
    await changeAgainAndAgain(postgres, schema, hot, plan.rounds)
    const deleted = ids.slice(-plan.deleted)
    await postgres.query(`delete from ${schema}.orders where id = any($1::uuid[])`, [deleted])
    record({ kind: 'load', ...plan, updates: plan.rounds * hotOrders, hotOrders })
    const audited = await fed.audit()
    record({ kind: 'audit', verdict: audited.verdict, orders: audited.sourceRows })
    record({ kind: 'topic', when: 'before', ...(await readTopic(admin, layout, topic)) })

    await admin.setTopicConfig(topic, eagerlyCompacted)
    await untilCompacted(context, laboratory, admin, ids.slice(hotOrders, hotOrders + closingOrders))

    progress('the database is stopped')
    await lab.stop(['postgres'])
    record({ kind: 'fault', what: 'PostgreSQL is stopped' })
    const probe = async (when: 'before the rebuild' | 'after the rebuild'): Promise<void> => {
      const answers = await postgres.query('select 1').then(
        () => true,
        () => false,
      )
      record({ kind: 'database', when, answers })
    }
    await probe('before the rebuild')
    progress('all stores are rebuilt')
    const startedAtMs = Date.now()
    const running = await startRebuild(laboratory, { lane, store: 'all', keep: true })
    const rebuilt = await running.result()
    await probe('after the rebuild')
    for (const result of rebuilt) record({ kind: 'rebuilt', ...result })
    record({
      ...{ kind: 'pace', what: 'rebuild' },
      rows: plan.orders - plan.deleted,
      totalMs: Math.max(...rebuilt.map(({ switchedAtMs }) => switchedAtMs)) - startedAtMs,
      firstMs:
        Math.min(...rebuilt.map(({ switchedAtMs, heldMs, fillMs }) => switchedAtMs - heldMs - fillMs)) - startedAtMs,
    })

    progress('the stores are compared')
    for (const comparison of await compareGenerations(laboratory, { lane, store: 'all' })) {
      record({ kind: 'compared', ...comparison })
    }
    const readers = await openReaders(laboratory, lane)
    for (const store of storeNames) {
      record({ kind: 'deleted', store, orders: deleted.length, alive: (await readers[store].read(deleted)).size })
    }

    progress('the database is back')
    await lab.start(['postgres'])
    const report = await fed.audit()
    record({ kind: 'audit', verdict: report.verdict, orders: report.sourceRows })
    progress('a fresh snapshot, for its pace')
    await takeSnapshot(context, laboratory, admin, plan.orders - plan.deleted)
  },
  checks,
  report,
})

/** All of them in one transaction, `rounds` times. */
async function changeAgainAndAgain(
  postgres: Postgres,
  schema: string,
  ids: readonly string[],
  rounds: number,
): Promise<void> {
  for (let round = 1; round <= rounds; round += 1) {
    await postgres.query(`update ${schema}.orders set note = 'change ' || $1::int where id = any($2::uuid[])`, [
      round,
      ids,
    ])
  }
}

/** Closes the segments that there are, which the broker does with the next record after `segment.ms`, and waits. */
async function untilCompacted(
  { record, progress, signal }: RunContext<Entry>,
  { layout, postgres }: Laboratory,
  admin: LogAdmin,
  closing: readonly string[],
): Promise<void> {
  const { schema, topic } = laneNames(lane)
  await delay(Number(eagerlyCompacted['segment.ms']) + 500, undefined, { signal })
  await changeAgainAndAgain(postgres, schema, closing, 1)
  const closedAt = performance.now()
  for (;;) {
    const reading = await readTopic(admin, layout, topic)
    const waitedMs = performance.now() - closedAt
    progress('waiting for the cleaner', `${reading.superseded} records are superseded`)
    if (reading.superseded <= closing.length || waitedMs > compactionDeadlineMs) {
      record({ kind: 'compaction', closing: closing.length, waitedMs })
      record({ kind: 'topic', when: 'after', ...reading })
      return
    }
    await delay(1_000, undefined, { signal })
  }
}

/** A connector of its own reads every row once, into a topic of its own; no store takes part. */
async function takeSnapshot(
  { record }: RunContext<Entry>,
  laboratory: Laboratory,
  admin: LogAdmin,
  rows: number,
): Promise<void> {
  const { schema } = laneNames(lane)
  const name = 'compaction-snapshot'
  const topic = `experiment-${name}.${schema}.orders`
  const startedAt = performance.now()
  let firstMs: number | undefined
  const read = eventually(
    async () => {
      // Markers of transactions count, so this is reached a little early at most.
      const read = (await admin.ranges(topic)).reduce((sum, { start, end }) => sum + end - start, 0)
      if (read > 0) firstMs ??= performance.now() - startedAt
      return read >= rows
    },
    { deadlineMs: 180_000, intervalMs: 20, what: `${rows} rows are in ${topic}` },
  ).then(() => performance.now() - startedAt)
  await openConnector(laboratory, { name, schema })
  const totalMs = await read
  let records = 0
  await admin.readAll(topic, () => (records += 1))
  record({ kind: 'pace', what: 'snapshot', rows: records, totalMs, firstMs: firstMs ?? totalMs })
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(1)
const perSecond = (count: number, ms: number): string => Math.round((count / ms) * 1_000).toLocaleString('en')

function report(history: readonly Entry[]): Report {
  const topics = entriesOf(history, 'topic')
  const [before, after] = topics
  const paces = entriesOf(history, 'pace')
  return {
    tables: [
      {
        title: 'The topic before and after compaction',
        head: ['', 'records', 'superseded', 'keys', 'ended keys', 'MiB'],
        rows: topics.map((topic) => [
          ...[topic.when, String(topic.records), String(topic.superseded), String(topic.keys), String(topic.ended)],
          (topic.bytes / 1_048_576).toFixed(2),
        ]),
      },
      {
        title: 'All three stores rebuilt from it at once',
        head: ['store', 'keys', 'filled in, s', 'keys/s', 'writers held, ms'],
        rows: entriesOf(history, 'rebuilt').map(({ store, keys, fillMs, keysPerSecond, heldMs }) => [
          ...[store, String(keys), seconds(fillMs), Math.round(keysPerSecond).toLocaleString('en'), heldMs.toFixed(0)],
        ]),
      },
      {
        title: 'Where a store can be had from',
        head: ['', 'rows', 'seconds in all', 'until the first row', 'rows/s in all', 'rows/s from the first on'],
        rows: paces.map(({ what, rows, totalMs, firstMs }) => [
          what === 'rebuild'
            ? 'the compacted topic, into three stores'
            : 'a fresh snapshot, into a topic and no store yet',
          ...[String(rows), seconds(totalMs), seconds(firstMs), perSecond(rows, totalMs)],
          perSecond(rows, totalMs - firstMs),
        ]),
      },
    ],
    charts: [],
    facts:
      before === undefined || after === undefined
        ? []
        : [
            {
              ...{ strategy: 'cdc', against: 'the log grows' },
              fact: `compaction leaves ${after.records} of ${before.records} records, and all stores can be rebuilt from them`,
            },
          ],
  }
}
