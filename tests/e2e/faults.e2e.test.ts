/**
 * The cdc lane under faults. Each fault is a row of one table: it strikes while a writer keeps changing orders through
 * the API, is lifted, and then the audit compares every value of every store. Nothing may differ.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { eventually } from '@driftlab/stores/testing'
import type { ComponentName } from '../../infra/native/src/index.ts'
import { openPipeline, startWriter, type Pipeline } from './pipeline.ts'

const sinks = ['cache-updater', 'search-indexer', 'warehouse-loader'] as const

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

const killBroker = (component: ComponentName): Fault => ({
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
  killBroker('connect'),
  restart('postgres'),
  killBroker('postgres'),
  restart('kafka'),
  storeDown('redis'),
  storeDown('elasticsearch'),
  storeDown('clickhouse'),
]

describe('the cdc lane converges with no divergent key after', () => {
  let pipeline: Pipeline

  beforeAll(async () => {
    pipeline = await openPipeline()
  })

  afterAll(async () => {
    // Whatever a failed test left broken is mended, so that the next file finds a whole pipeline.
    await pipeline.lab.start()
  }, 120_000)

  test.each(faults)(
    '$name',
    async ({ strike }) => {
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
      expect(lane).toMatchObject({ verdict: 'consistent', doubts: [], examples: [] })
      expect(lane.sourceRows).toBeGreaterThan(20)
    },
    240_000,
  )
})
