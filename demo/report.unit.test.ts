import { describe, expect, test } from '@jest/globals'
import { formatExample, formatReport } from './report.ts'
import { demoResultSchema, type DemoResult, type DivergenceKind, type Example } from './result.ts'

const none = { missing: 0, stale: 0, phantom: 0, resurrected: 0, corrupt: 0, parked: 0 }
const same: Example['stores']['redis'] = { status: 'same', reason: null, holds: {}, differences: [] }

function differing(status: DivergenceKind, fields: Readonly<Record<string, unknown>>): Example['stores']['redis'] {
  const differences = Object.entries(fields).map(([field, store]) => ({ field, systemOfRecord: 'Ada', store }))
  return { status, reason: status, holds: { ...fields }, differences }
}

const latencyMs = { p50: 4.21, p99: 18.4, max: 60 }
const http = { changes: 10, refused: 1, partialFailures: 0, failures: 0, droppedOperations: 0, latencyMs }
const result: DemoResult = {
  schemaVersion: 1,
  startedAt: '2026-01-02T03:04:05.000Z',
  finishedAt: '2026-01-02T03:07:05.000Z',
  seed: 7,
  rate: 200,
  durationMs: 60_000,
  freshStart: true,
  machine: { cores: 2, memoryBytes: 8_000_000_000, platform: 'linux x64', node: '24.0.0' },
  versions: {},
  exitCode: 0,
  lanes: {
    'dual-write': {
      verdict: 'diverged',
      doubts: [],
      orders: 2_400,
      http,
      lag: null,
      stores: {
        redis: { divergences: { ...none, stale: 2 }, latencyMs: null },
        elasticsearch: { divergences: { ...none, resurrected: 1 }, latencyMs: null },
        clickhouse: { divergences: none, latencyMs: null },
      },
      examples: [
        {
          id: 'one',
          systemOfRecord: 'present',
          stores: { redis: differing('stale', { note: 'old' }), elasticsearch: same, clickhouse: same },
        },
      ],
    },
    cdc: {
      verdict: 'consistent',
      doubts: [],
      orders: 2_400,
      http,
      lag: { atLoadEnd: { records: 3, ms: 14 }, drainedInMs: 120 },
      stores: {
        redis: { divergences: none, latencyMs },
        elasticsearch: { divergences: none, latencyMs },
        clickhouse: { divergences: none, latencyMs },
      },
      examples: [],
    },
  },
}

/** The cells of each line that is a row of a table. */
function cells(text: string): readonly string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('│'))
    .map((line) =>
      line
        .split('│')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

describe('the report', () => {
  test('the sample is a result', () => {
    expect(demoResultSchema.parse(result)).toEqual(result)
  })

  test('has a row for each lane and store with the count of each kind', () => {
    const rows = cells(formatReport(result))
    expect(rows).toContainEqual(['dual-write', '2400', 'Redis', '0', '2', '0', '0', '0', '0', 'diverged'])
    expect(rows).toContainEqual(['', '', 'Elasticsearch', '0', '0', '0', '1', '0', '0', ''])
    expect(rows).toContainEqual(['cdc', '2400', 'Redis', '0', '0', '0', '0', '0', '0', 'consistent'])
  })

  test('gives the latency of the request and of each store, and says where there is none of its own', () => {
    const rows = cells(formatReport(result))
    expect(rows).toContainEqual(['cdc', ...Array.from({ length: 4 }, () => '4.2 / 18 / 60')])
    expect(rows).toContainEqual([
      'dual-write',
      '4.2 / 18 / 60',
      ...Array.from({ length: 3 }, () => 'within the request'),
    ])
  })

  test('gives the lag with its units', () => {
    expect(formatReport(result)).toMatch(/3 records \(14 ms\) behind the log; 120 ms later/)
  })
})

describe('an example', () => {
  test('shows in one row what each store holds, whatever it calls the field', () => {
    const text = formatExample('dual-write', {
      id: 'one',
      systemOfRecord: 'present',
      stores: {
        redis: differing('stale', { customerName: 'Grace' }),
        elasticsearch: same,
        clickhouse: differing('stale', { customer_name: 'Jim' }),
      },
    })
    expect(cells(text)).toContainEqual(['customerName', 'Ada', 'Grace', '=', 'Jim'])
  })

  test('says so when a store holds an order that was deleted, or holds none at all', () => {
    const resurrected = formatExample('dual-write', {
      id: 'one',
      systemOfRecord: 'deleted',
      stores: { redis: differing('resurrected', {}), elasticsearch: same, clickhouse: same },
    })
    expect(cells(resurrected)).toContainEqual(['the order', 'deleted', 'resurrected', '=', '='])
    const missing = formatExample('dual-write', {
      id: 'one',
      systemOfRecord: 'present',
      stores: { redis: differing('stale', { note: 'old' }), elasticsearch: differing('missing', {}), clickhouse: same },
    })
    expect(cells(missing)).toContainEqual(['the order', 'present', '=', 'missing', '='])
    expect(cells(missing)).toContainEqual(['note', 'Ada', 'old', 'missing', '='])
  })

  test('a long value is cut', () => {
    const text = formatExample('dual-write', {
      id: 'one',
      systemOfRecord: 'present',
      stores: { redis: differing('stale', { note: 'x'.repeat(500) }), elasticsearch: same, clickhouse: same },
    })
    expect(text).not.toContain('x'.repeat(40))
    expect(text).toContain('xxx…')
  })
})
