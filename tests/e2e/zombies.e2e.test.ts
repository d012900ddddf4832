/**
 * A process that stood still for so long that its group gave its partitions to another one does not know it: when it
 * wakes up, it writes what it has in its hands. By then that is history, and no store may take it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { connectElasticsearch } from '@driftlab/stores'
import { eventually, testSettings } from '@driftlab/stores/testing'
import { openLab } from '../../infra/native/src/index.ts'
import { openPipeline, request, sinks, type SinkName } from './pipeline.ts'
import { unreadBytes } from './sockets.ts'
import { survive } from './survive.ts'

const { lab } = await openLab()
const pipeline = await openPipeline()

// Elasticsearch itself forgets the version of a deleted document; here so soon that it matters.
beforeAll(() => rememberDeletesFor('1s'))
afterAll(async () => {
  await rememberDeletesFor('60s')
  await pipeline.mend()
}, 120_000)

/** After this time, whatever a sink's last fetch waited for has come. */
const fetchMs: Readonly<Record<SinkName, number>> = {
  'cache-updater': 100,
  'search-indexer': 300,
  'warehouse-loader': 500,
}
/** Several records. */
const heldMinBytes = 5_000

test('sinks that are frozen until others have taken over change nothing with what they still hold', async () => {
  const partitions = await pipeline.assignedPartitions('cache-updater')
  const staleWrites = (sink: SinkName): Promise<number> => pipeline.counter(sink, 'sink_changes_stale_total')
  // ClickHouse never says that a write was stale.
  const telling = ['cache-updater', 'search-indexer'] as const
  const before = await Promise.all(telling.map(staleWrites))

  await survive(pipeline, async (_pipeline, writer) => {
    for (const sink of sinks) {
      await freezeWithRecords(sink)
      await outdate(writer.hotOrders())
    }
    await Promise.all(sinks.map((sink) => lab.scale(sink, 2)))
    for (const sink of sinks) {
      await eventually(async () => (await pipeline.assignedPartitions(sink, 2)) === partitions, {
        deadlineMs: 60_000,
        what: `the second ${sink} has taken every partition over`,
      })
    }
    // Long enough for the second instances to write what came after, and then for the first ones to wake up.
    await sleep(2_000)
    for (const sink of sinks) await lab.resume(sink)
    await sleep(2_000)
    for (const sink of sinks) await lab.scale(sink, 1)
  })

  // Else they held nothing, and the test has shown nothing.
  const after = await Promise.all(telling.map(staleWrites))
  expect(telling.filter((_sink, at) => (after[at] ?? 0) <= (before[at] ?? 0))).toEqual([])
}, 240_000)

/** Freezes a sink that has several records in its hands: an answer of the log that it has yet to read. */
async function freezeWithRecords(sink: SinkName): Promise<void> {
  const pid = (await lab.status()).find(({ name }) => name === sink)?.pid ?? Number.NaN
  const { port } = lab.address('kafka')
  await lab.pause(sink)
  await eventually(
    async () => {
      await sleep(fetchMs[sink])
      if (unreadBytes(pid, port) > heldMinBytes) return true
      // What was written meanwhile makes its next answer larger, if that comes just before it freezes again.
      await lab.resume(sink)
      await sleep(Math.random() * 20)
      await lab.pause(sink)
      return false
    },
    { deadlineMs: 30_000, intervalMs: 0, what: `${sink} is frozen with records to write` },
  )
}

/** Deletes most of these orders and changes the others, so that whatever a sink holds of them is history. */
async function outdate(ids: readonly string[]): Promise<void> {
  const [base = ''] = pipeline.orders('cdc')
  await Promise.all(
    ids.map((id, at) =>
      at % 4 === 0
        ? request('PATCH', `${base}/orders/${id}`, { note: 'changed after the freeze' })
        : request('DELETE', `${base}/orders/${id}`),
    ),
  )
}

async function rememberDeletesFor(duration: string): Promise<void> {
  const elasticsearch = connectElasticsearch(testSettings().elasticsearchUrl, { timeoutMs: 10_000 })
  await elasticsearch.indices.putSettings({ index: 'cdc-orders-v1', settings: { 'index.gc_deletes': duration } })
  await elasticsearch.close()
}
