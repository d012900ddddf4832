/**
 * What the pipeline as a whole has to hold beyond single faults, on either runtime: more instances, poison, replays; and
 * what the dual-write lane leaves behind when one of its writes fails.
 */
import { describe, expect, test } from '@jest/globals'
import { eventually } from '@driftlab/stores/testing'
import { consistent, findings, randomOrder, request, sinks, startWriter, type Pipeline } from './pipeline.ts'

/** Defines the tests. That of the dual-write lane needs one in which nothing has drifted yet. */
export function testDrift(pipeline: Pipeline): void {
  test('instances of every sink come and go under load, and no key diverges', async () => {
    const { lab } = pipeline
    const writer = startWriter(pipeline.orders('cdc'))
    try {
      await eventually(() => writer.outcomes().ok > 50, { deadlineMs: 20_000 })
      for (const sink of sinks) {
        await lab.scale(sink, 2)
        await eventually(async () => (await pipeline.assignedPartitions(sink, 2)) > 0, {
          deadlineMs: 30_000,
          what: `the second ${sink} is given partitions`,
        })
      }
      const before = writer.outcomes().ok
      await eventually(() => writer.outcomes().ok > before + 100, { deadlineMs: 20_000 })
      await lab.kill('cache-updater', 2)
      for (const sink of sinks) await lab.scale(sink, 1)
      const after = writer.outcomes().ok
      await eventually(() => writer.outcomes().ok > after + 100, { deadlineMs: 20_000 })
    } finally {
      await writer.stop()
    }
    expect(findings(await pipeline.audit('cdc'))).toEqual(consistent)
  }, 180_000)

  test('poison records are parked with their reasons by every sink, shown by the audit, and stop nothing', async () => {
    const before = await parkedCounts()
    const id = '{"id":"0190b5a0-0000-7000-8000-000000000000"}'
    await pipeline.log.publish([
      { key: id, value: 'this is not JSON' },
      { key: '', value: '{"op":"c","after":{},"before":null,"source":{}}' },
      { key: id, value: '{"op":"x","before":null,"after":null,"source":{"schema":"cdc","table":"orders"}}' },
    ])
    // Whatever comes after the poison is applied.
    const created = await request('POST', `${pipeline.orders('cdc')[0] ?? ''}/orders`, randomOrder())
    expect(created.status).toBe(201)
    const lane = await pipeline.audit('cdc')
    expect(findings(lane)).toEqual(consistent)
    for (const [store, report] of Object.entries(lane.stores)) {
      expect([store, report.parkedRecords.count - (before[store] ?? 0)]).toEqual([store, 3])
    }

    async function parkedCounts(): Promise<Readonly<Record<string, number>>> {
      const { stores } = await pipeline.audit('cdc')
      return Object.fromEntries(Object.entries(stores).map(([store, report]) => [store, report.parkedRecords.count]))
    }
  }, 120_000)

  test('a replay of the whole log changes nothing, and brings no deleted order back', async () => {
    const base = pipeline.orders('cdc')[0] ?? ''
    // One that stays: of an empty lane the audit knows nothing.
    expect((await request('POST', `${base}/orders`, randomOrder())).status).toBe(201)
    for (let number = 0; number < 20; number += 1) {
      const { id } = (await (await request('POST', `${base}/orders`, randomOrder())).json()) as { id: string }
      expect((await request('PATCH', `${base}/orders/${id}`, { note: 'about to go' })).status).toBe(200)
      expect((await request('DELETE', `${base}/orders/${id}`)).status).toBe(204)
    }
    expect(findings(await pipeline.audit('cdc'))).toEqual(consistent)
    await pipeline.replay(sinks)
    expect(findings(await pipeline.audit('cdc'))).toEqual(consistent)
  }, 180_000)

  describe('the dual-write lane', () => {
    test('answers 502 when the search index is down, keeps what it wrote, and the audit names the order', async () => {
      const base = pipeline.orders('dual-write')[0] ?? ''
      const before = await request('POST', `${base}/orders`, randomOrder())
      const { id } = (await before.json()) as { id: string }
      await pipeline.lab.kill('elasticsearch')
      let failed: Response
      try {
        failed = await request('PATCH', `${base}/orders/${id}`, { note: 'written to two stores out of four' })
      } finally {
        await pipeline.lab.start(['elasticsearch'])
      }
      expect(failed.status).toBe(502)
      expect(failed.headers.get('content-type')).toContain('application/problem+json')

      const lane = await pipeline.audit('dual-write')
      expect(lane.verdict).toBe('diverged')
      const example = lane.examples.find(({ key }) => key === id)
      expect(example?.stores).toMatchObject({
        redis: { status: 'same' },
        elasticsearch: { status: 'stale' },
        clickhouse: { status: 'stale' },
      })
      expect(lane.stores['redis']?.divergences.stale).toBe(0)
    }, 120_000)
  })
}
