/**
 * The cdc lane under faults. Each fault is a row of one table: it strikes while a writer keeps changing orders through
 * the API, is lifted, and then the audit compares every value of every store. Nothing may differ.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from '@jest/globals'
import { decode, formatLsn } from '@driftlab/change-event'
import { connectLog } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'
import { testSettings } from '@driftlab/stores/testing'
import type { ComponentName } from '../../infra/native/src/index.ts'
import { openPipeline, sinks, type Pipeline, type SinkName } from './pipeline.ts'
import { survive } from './survive.ts'

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

/** What it had read and could not write must not count as written. */
const killWhileStoreDown = (sink: SinkName, store: ComponentName): Fault => ({
  name: `kill -9 of ${sink} while ${store} is down`,
  strike: async ({ lab }) => {
    await lab.kill(store)
    await sleep(2_000)
    await lab.kill(sink)
    await lab.start([sink])
  },
})

const faults: readonly Fault[] = [
  ...sinks.map(killSink),
  ...sinks.map((sink) => pauseFor(sink, 15_000)),
  restart('connect'),
  restart('postgres'),
  killAndStart('postgres'),
  restart('kafka'),
  killAndStart('kafka'),
  storeDown('redis'),
  storeDown('elasticsearch'),
  storeDown('clickhouse'),
  killWhileStoreDown('warehouse-loader', 'clickhouse'),
]

test.each(faults)('no key diverges after $name', ({ strike }) => survive(pipeline, strike), 240_000)

test('no key diverges after kill -9 of connect, and the log repeats no change', async () => {
  const { schema, topic } = laneNames('cdc')
  const log = connectLog({ brokers: testSettings().kafkaBrokers, clientId: 'test-log' })
  const admin = await log.connectAdmin()
  try {
    const ends = new Map((await admin.ranges(topic)).map(({ partition, end }) => [partition, end]))
    await survive(pipeline, killAndStart('connect').strike)

    const positions: string[] = []
    await admin.readAll(topic, (record) => {
      if (record.offset < (ends.get(record.partition) ?? 0)) return
      const decoded = decode(record, { format: 'debezium', table: { schema, name: 'orders' }, epoch: 0 })
      const lsn = decoded.type === 'change' ? decoded.change.source.lsn : null
      if (lsn !== null) positions.push(formatLsn(lsn))
    })
    expect(positions.length).toBeGreaterThan(50)
    expect(positions.filter((lsn, at) => positions.indexOf(lsn) < at)).toEqual([])
  } finally {
    await admin.close()
  }
}, 240_000)
