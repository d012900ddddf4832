/**
 * The cdc lane under faults. Each fault is a row of one table: it strikes while a writer keeps changing orders through
 * the API, is lifted, and then the audit compares every value of every store. Nothing may differ.
 *
 * There is one table for both runtimes: faults.e2e.test.ts strikes processes, tests/compose strikes containers.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import type { ComponentName } from '../../infra/native/src/index.ts'
import { stores } from '../../demo/result.ts'
import { sinkOf } from '../../demo/sinks.ts'
import type { Pipeline, SinkName } from './pipeline.ts'
import { survive } from './survive.ts'

/** What a runtime can afford: after a kill -9, a sink's group waits for the dead member before it goes on. */
export interface FaultOptions {
  /** Those that are struck, with the store of each. */
  readonly struckSinks: readonly SinkName[]
  readonly killsPerSink: number
  readonly outageMs: number
}

interface Fault {
  readonly name: string
  /** Strikes and is lifted again, with the writer running all along. */
  readonly strike: (pipeline: Pipeline) => Promise<void>
}

const killSink = (sink: SinkName, kills: number): Fault => ({
  name: `kill -9 of ${sink} in the middle of its batches${kills > 1 ? `, ${kills} times` : ''}`,
  strike: async ({ lab }) => {
    for (let round = 0; round < kills; round += 1) {
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

const storeDown = (store: ComponentName, durationMs: number): Fault => ({
  name: `${store} down for ${durationMs / 1_000} s`,
  strike: async ({ lab }) => {
    await lab.kill(store)
    await sleep(durationMs)
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

const faultsOf = ({ struckSinks, killsPerSink, outageMs }: FaultOptions): readonly Fault[] => [
  ...struckSinks.map((sink) => killSink(sink, killsPerSink)),
  ...struckSinks.map((sink) => pauseFor(sink, 15_000)),
  restart('connect'),
  restart('postgres'),
  killAndStart('postgres'),
  restart('kafka'),
  killAndStart('kafka'),
  ...stores.filter((store) => struckSinks.includes(sinkOf[store])).map((store) => storeDown(store, outageMs)),
  killWhileStoreDown('warehouse-loader', 'clickhouse'),
]

/** For Elasticsearch alone, whose start takes minutes while the writer keeps two cores busy; all others end in a fraction of it. */
const faultTimeoutMs = 480_000

/** Defines a test for each fault. */
export function testFaults(pipeline: Pipeline, options: FaultOptions): void {
  test.each(faultsOf(options))(
    'no key diverges after $name',
    async ({ strike }) => {
      await survive(pipeline, strike)
    },
    faultTimeoutMs,
  )

  test(
    'no key diverges after kill -9 of connect, and the log repeats no change',
    async () => {
      const before = await pipeline.log.census()
      await survive(pipeline, killAndStart('connect').strike)
      const after = await pipeline.log.census()
      expect(after.changes).toBeGreaterThan(before.changes + 50)
      expect(after.repeated).toEqual(before.repeated)
    },
    faultTimeoutMs,
  )
}
