import { expect, it } from '@jest/globals'
import type { AuditReport, StoreReport } from './report.ts'
import { renderReport } from './table.ts'

const store: StoreReport = {
  verdict: 'consistent',
  doubts: [],
  comparedKeys: 3,
  scannedKeys: 3,
  divergences: { missing: 0, stale: 0, phantom: 0, resurrected: 0, corrupt: 0, parked: 0 },
  divergedKeys: 0,
  undeterminedKeys: 0,
  parkedRecords: { count: 0, reasons: {}, samples: [] },
}
const report: AuditReport = {
  schemaVersion: 1,
  startedAt: '2026-11-24T08:00:00.000Z',
  finishedAt: '2026-11-24T08:00:01.500Z',
  durationMs: 1_500,
  verdict: 'diverged',
  lanes: {
    main: {
      verdict: 'diverged',
      doubts: ['warehouse: could not be read'],
      sourceRows: 3,
      durationMs: 1_500,
      watermark: '0/1C27BD0',
      stores: {
        cache: { ...store, verdict: 'diverged', divergences: { ...store.divergences, stale: 41 }, divergedKeys: 41 },
        search: {
          ...store,
          parkedRecords: {
            count: 2,
            reasons: { 'not JSON': 2 },
            samples: [{ key: 'k', topic: 't', partition: 1, offset: 7, reason: 'not JSON' }],
          },
        },
      },
      examples: [
        {
          key: 'k-1',
          source: { state: 'present', revision: 5, values: { status: 'paid' } },
          stores: {
            cache: {
              status: 'stale',
              reason: 'behind',
              holds: 'present',
              revision: 4,
              fields: { status: 'placed' },
              differences: [{ field: 'status', source: 'paid', store: 'placed' }],
            },
            search: { status: 'same', reason: null, holds: 'present', revision: 5, fields: {}, differences: [] },
            warehouse: {
              status: 'unobserved',
              reason: null,
              holds: 'unobserved',
              revision: null,
              fields: null,
              differences: [],
            },
          },
        },
      ],
    },
  },
}

it('shows each store with its counts, what each holds of an example, the doubts and what is parked', () => {
  const text = renderReport(report, { color: false })
  expect(text).toMatch(/main +│ cache +│ +3 │ +0 │ +41 │/)
  for (const line of [
    'main: 3 rows in the source, diverged, watermark 0/1C27BD0',
    'in doubt: warehouse: could not be read',
    'parked before search: 2 x not JSON',
    't partition 1 offset 7, key k',
    'source: revision 5',
    'cache: stale, revision 4 (behind)',
    'status: "placed" instead of "paid"',
    'search: revision 5, as it should be',
    'warehouse: not observed',
    'Verdict: diverged, after 1.5 s',
  ]) {
    expect(text).toContain(line)
  }
  expect(text).not.toContain('\u001b')
  expect(renderReport(report, { color: true })).toContain('\u001b[31m')
})
