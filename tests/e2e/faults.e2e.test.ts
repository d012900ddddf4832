/**
 * The cdc lane under faults. Each fault is a row of one table: it strikes while a writer keeps changing orders through
 * the API, is lifted, and then the audit compares every value of every store. Nothing may differ.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from '@jest/globals'
import { decode, formatLsn } from '@driftlab/change-event'
import { connectLog } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'
import { eventually, testSettings } from '@driftlab/stores/testing'
import type { ComponentName } from '../../infra/native/src/index.ts'
import { unreadBytes } from './sockets.ts'
import { consistent, findings, openPipeline, sinks, startWriter, type Pipeline, type SinkName } from './pipeline.ts'

const pipeline = await openPipeline()
afterAll(() => pipeline.mend(), 120_000)

interface Fault {
  readonly name: string
  /** Strikes and is lifted again, with the writer running all along. */
  readonly strike: (pipeline: Pipeline) => Promise<void>
}

const killSink = (sink: ComponentName): Fault => ({
  name: `kill -9 of ${sink} in the middle of its batches, three times`,
  strike: async ({ lab }) => {
    for (let round = 0; round < 3; round += 1) {
      await sleep(1_500)
      await lab.kill(sink)
      await lab.start([sink])
    }
  },
})

const pauseFor = (component: ComponentName, durationMs: number): Fault => ({
  name: `${component} frozen for ${durationMs / 1_000} s, then resumed`,
  strike: async ({ lab }) => {
    await lab.pause(component)
    await sleep(durationMs)
    await lab.resume(component)
  },
})

const restart = (component: ComponentName): Fault => ({
  name: `restart of ${component}`,
  strike: async ({ lab }) => {
    await sleep(1_000)
    await lab.restart(component)
    await sleep(1_000)
  },
})

const killAndStart = (component: ComponentName): Fault => ({
  name: `kill -9 of ${component}`,
  strike: async ({ lab }) => {
    await sleep(1_000)
    await lab.kill(component)
    await lab.start([component])
    await sleep(1_000)
  },
})

const storeDown = (store: ComponentName): Fault => ({
  name: `${store} down for 20 s`,
  strike: async ({ lab }) => {
    await lab.kill(store)
    await sleep(20_000)
    await lab.start([store])
  },
})

const faults: readonly Fault[] = [
  ...sinks.map(killSink),
  ...sinks.map((sink) => pauseFor(sink, 15_000)),
  restart('connect'),
  restart('postgres'),
  killAndStart('postgres'),
  restart('kafka'),
  storeDown('redis'),
  storeDown('elasticsearch'),
  storeDown('clickhouse'),
]

/** Strikes while a writer keeps changing orders; then no value of any store may differ. */
async function survive(strike: Fault['strike']): Promise<void> {
  const writer = startWriter(pipeline.orders('cdc'))
  try {
    await eventually(() => writer.outcomes().ok > 50, { deadlineMs: 20_000, what: 'the writer is under way' })
    const before = writer.outcomes().ok
    await strike(pipeline)
    await eventually(() => writer.outcomes().ok > before + 50, {
      deadlineMs: 60_000,
      what: 'writes succeed again after the fault',
    })
  } finally {
    await writer.stop()
  }
  const lane = await pipeline.audit('cdc')
  expect(findings(lane)).toEqual(consistent)
  expect(lane.sourceRows).toBeGreaterThan(20)
}

test.each(faults)('no key diverges after $name', ({ strike }) => survive(strike), 240_000)

/** After this time, whatever a sink's last fetch waited for has come. */
const fetchMs: Readonly<Record<SinkName, number>> = {
  'cache-updater': 100,
  'search-indexer': 300,
  'warehouse-loader': 500,
}

test('no key diverges after sinks, frozen until others had taken over, wrote what they still held', async () => {
  const partitions = await pipeline.assignedPartitions('cache-updater')
  const staleWrites = (sink: SinkName): Promise<number> => pipeline.counter(sink, 'sink_changes_stale_total')
  // ClickHouse never says that a write was stale.
  const telling = ['cache-updater', 'search-indexer'] as const
  const before = await Promise.all(telling.map(staleWrites))

  await survive(async ({ lab }) => {
    for (const sink of sinks) await freezeWithRecords(sink)
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

  /** Freezes a sink that has several records in its hands: an answer of the log that it has yet to read. */
  async function freezeWithRecords(sink: SinkName): Promise<void> {
    const { lab } = pipeline
    const pid = (await lab.status()).find(({ name }) => name === sink)?.pid ?? Number.NaN
    const { port } = lab.address('kafka')
    await lab.pause(sink)
    await eventually(
      async () => {
        await sleep(fetchMs[sink])
        if (unreadBytes(pid, port) > 5_000) return true
        // What was written meanwhile makes its next answer larger, if that comes just before it freezes again.
        await lab.resume(sink)
        await sleep(Math.random() * 20)
        await lab.pause(sink)
        return false
      },
      { deadlineMs: 30_000, intervalMs: 0, what: `${sink} is frozen with records to write` },
    )
  }
}, 240_000)

test('no key diverges after kill -9 of connect, and the log holds no change twice', async () => {
  await survive(killAndStart('connect').strike)

  const { schema, topic } = laneNames('cdc')
  const log = connectLog({ brokers: testSettings().kafkaBrokers, clientId: 'test-log' })
  const admin = await log.connectAdmin()
  const times = new Map<string, number>()
  try {
    await admin.readAll(topic, (record) => {
      const decoded = decode(record, { table: { schema, name: 'orders' }, epoch: 0 })
      if (decoded.type !== 'change' || decoded.change.source.lsn === null) return
      const at = formatLsn(decoded.change.source.lsn)
      times.set(at, (times.get(at) ?? 0) + 1)
    })
  } finally {
    await admin.close()
  }
  expect(times.size).toBeGreaterThan(50)
  expect([...times].filter(([, count]) => count > 1)).toEqual([])
}, 240_000)
