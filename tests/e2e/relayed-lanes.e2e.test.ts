/**
 * The lanes `outbox` and `trigger`, from the API to every value of every store, with whoever publishes being killed
 * meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { eventually } from '@driftlab/stores/testing'
import { feeds, openFedLane, type Feed } from '../../experiments/laboratory/fed-lane.ts'
import { withLaboratory } from '../../experiments/laboratory/laboratory.ts'
import { openLab } from '../../infra/native/src/index.ts'
import { consistent, findings, startWriter } from './pipeline.ts'

const laneOf: Readonly<Record<Feed, string>> = {
  'rows-by-connector': 'cdc-fed',
  'outbox-by-connector': 'outbox-routed',
  'outbox-by-relay': 'outbox-polled',
  'triggers-by-relay': 'trigger-polled',
}

test.each(feeds)(
  '%s: every store ends with what PostgreSQL has',
  async (feed) => {
    const opened = await openLab()
    const { signal } = new AbortController()
    await withLaboratory({ ...opened, environment: process.env }, signal, async (laboratory) => {
      const lane = await openFedLane(laboratory, laneOf[feed], feed)
      const orders = await Promise.all(
        ['1', '2'].map((instance) => lane.startOrders(`orders-${laneOf[feed]}-${instance}`)),
      )
      const writer = startWriter(orders.map(({ url }) => url))
      for (let death = 0; death < 3; death += 1) {
        await sleep(1_500)
        await lane.relay?.kill()
        await lane.relay?.start()
      }
      await eventually(() => writer.outcomes().ok > 100, { deadlineMs: 60_000, what: 'enough was written' })
      const outcomes = await writer.stop()
      expect(outcomes.ok).toBeGreaterThan(100)
      expect(outcomes.failed).toBe(0)
      const report = await lane.audit()
      expect(findings(report)).toEqual(consistent)
      expect(report.sourceRows).toBeGreaterThan(20)
    })
  },
  240_000,
)
