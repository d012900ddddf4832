import { expect } from '@jest/globals'
import { eventually } from '@driftlab/stores/testing'
import type { Lab } from '../../infra/native/src/index.ts'
import { consistent, findings, startWriter, type Outcomes, type Pipeline, type Writer } from './pipeline.ts'

/**
 * Strikes while a writer keeps changing orders; then no value of any store may differ.
 *
 * @returns what became of the requests.
 */
export async function survive(
  pipeline: Pipeline,
  strike: (pipeline: Pipeline, writer: Writer) => Promise<void>,
): Promise<Outcomes> {
  const diedBefore = await died(pipeline.lab)
  const writer = startWriter(pipeline.orders('cdc'))
  try {
    await eventually(() => writer.outcomes().ok > 50, { deadlineMs: 20_000, what: 'the writer is under way' })
    const before = writer.outcomes().ok
    await strike(pipeline, writer)
    await eventually(() => writer.outcomes().ok > before + 50, {
      deadlineMs: 60_000,
      what: 'writes succeed again after the fault',
    })
  } finally {
    await writer.stop()
  }
  const lane = await pipeline.audit('cdc')
  expect((await died(pipeline.lab)).filter((name) => !diedBefore.includes(name))).toEqual([])
  expect(findings(lane)).toEqual(consistent)
  expect(lane.sourceRows).toBeGreaterThan(20)
  return writer.outcomes()
}

/** What is gone without having been killed or stopped: the audit alone would call it a sink that is behind. */
async function died(lab: Lab): Promise<readonly string[]> {
  const components = await lab.status()
  return components.filter(({ state }) => state === 'failed').map(({ name, instance }) => `${name}-${instance}`)
}
