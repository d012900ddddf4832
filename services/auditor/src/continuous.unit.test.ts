import { expect, test } from '@jest/globals'
import { createMetrics, type Metrics } from '@driftlab/service'
import { eventually } from '@driftlab/stores/testing'
import { startAuditLoop, type AuditLoop } from './continuous.ts'
import type { AuditReport } from './report.ts'
import { createTally } from './tally.ts'

/** An audit of one lane with two stores, in one of which a key is stale. */
function report(): AuditReport {
  const tally = createTally(['redis', 'clickhouse'], 0)
  for (const store of ['redis', 'clickhouse']) tally.countCompared(store, 7)
  tally.countDivergence('clickhouse', 'stale', 'a')
  const lane = { verdict: 'diverged', doubts: [], sourceRows: 7, durationMs: 1, watermark: null, examples: [] } as const
  return {
    schemaVersion: 1,
    startedAt: '2026-11-24T10:00:00.000Z',
    finishedAt: '2026-11-24T10:00:01.500Z',
    durationMs: 1_500,
    verdict: 'diverged',
    lanes: { cdc: { ...lane, stores: tally.storeReports() } },
  }
}

function start(audit: () => Promise<AuditReport>): { readonly loop: AuditLoop; readonly shown: () => Promise<string> } {
  const metrics: Metrics = createMetrics({ service: 'auditor' })
  const loop = startAuditLoop({
    lanes: { cdc: ['redis', 'clickhouse'] },
    audit,
    intervalMs: 60_000,
    metrics,
    onReport: () => undefined,
    onFailure: (error) => {
      throw error
    },
  })
  return { loop, shown: () => metrics.registry.metrics() }
}

test('before the first audit has ended, every verdict is unknown and there is no time of the last one', async () => {
  const first = Promise.withResolvers<AuditReport>()
  const { loop, shown } = start(() => first.promise)
  const text = await shown()
  expect(text).toContain('driftlab_audit_verdict{lane="cdc",verdict="unknown",service="auditor"} 1')
  expect(text).toContain('driftlab_audit_store_verdict{lane="cdc",store="redis",verdict="unknown",service="auditor"} 1')
  expect(text).not.toMatch(/^driftlab_audit_(last_timestamp|duration)_seconds/mu)
  expect(await loop.readiness()).toMatchObject({ ready: false })
  first.resolve(report())
  await loop.stop()
})

test('an audit shows its verdict for the lane and for each store, and how many keys of each kind differ', async () => {
  const { loop, shown } = start(() => Promise.resolve(report()))
  await eventually(async () => (await loop.readiness()).ready, { deadlineMs: 1_000 })
  const text = await shown()
  expect(text).toContain('driftlab_audit_verdict{lane="cdc",verdict="diverged",service="auditor"} 1')
  expect(text).toContain('driftlab_audit_verdict{lane="cdc",verdict="unknown",service="auditor"} 0')
  expect(text).toMatch(/driftlab_audit_store_verdict\{lane="cdc",store="redis",verdict="consistent",.*\} 1/u)
  expect(text).toMatch(/driftlab_audit_store_verdict\{lane="cdc",store="clickhouse",verdict="diverged",.*\} 1/u)
  expect(text).toMatch(/driftlab_divergences\{lane="cdc",store="clickhouse",kind="stale",.*\} 1/u)
  expect(text).toMatch(/driftlab_divergences\{lane="cdc",store="redis",kind="stale",.*\} 0/u)
  expect(text).toContain('driftlab_audit_duration_seconds{service="auditor"} 1.5')
  expect(text).toContain(
    `driftlab_audit_last_timestamp_seconds{service="auditor"} ${Date.UTC(2026, 10, 24, 10) / 1000 + 1.5}`,
  )
  await loop.stop()
})
