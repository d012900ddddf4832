/** A result to try reports on: one order of the dual-write lane that Redis has in an older revision. */
import type { RecordedWrites } from '@driftlab/anatomy'
import type { DemoResult, DivergenceKind, Example } from './result.ts'

export const none = { missing: 0, stale: 0, phantom: 0, resurrected: 0, corrupt: 0, parked: 0 }
export const same: Example['stores']['redis'] = {
  status: 'same',
  reason: null,
  revision: 2,
  holds: {},
  differences: [],
}

export function differing(
  status: DivergenceKind,
  fields: Readonly<Record<string, unknown>>,
): Example['stores']['redis'] {
  const differences = Object.entries(fields).map(([field, store]) => ({ field, systemOfRecord: 'Ada', store }))
  return { status, reason: status, revision: 1, holds: { ...fields }, differences }
}

/** Two updates that Redis got in the other order than PostgreSQL committed them. */
const raced: RecordedWrites = {
  instances: 2,
  silent: 0,
  writes: (
    [
      [1, 0, 8],
      [2, 1, 4],
    ] as const
  ).map(([revision, committing, writing]) => ({
    id: `w${revision}`,
    instance: revision,
    operation: 'update',
    revision,
    stores: [
      { store: 'postgresql', beganMs: committing, endedMs: committing + 1, outcome: 'acknowledged', error: null },
      { store: 'redis', beganMs: writing, endedMs: writing + 1, outcome: 'acknowledged', error: null },
    ],
  })),
}

const latencyMs = { p50: 4.21, p99: 18.4, max: 60 }
const http = { changes: 10, refused: 1, partialFailures: 0, failures: 0, droppedOperations: 0, latencyMs }
export const result: DemoResult = {
  schemaVersion: 1,
  startedAt: '2026-01-02T03:04:05.000Z',
  finishedAt: '2026-01-02T03:07:05.000Z',
  seed: 7,
  rate: 200,
  durationMs: 60_000,
  freshStart: true,
  machine: { cores: 2, memoryBytes: 8_000_000_000, platform: 'linux x64', node: '24.0.0' },
  versions: { kafka: '4.0.0' },
  timeline: [0, 1_000, 2_000].map((afterMs, index) => ({
    atMs: Date.parse('2026-01-02T03:04:05.000Z') + afterMs,
    lanes: {
      'dual-write': { writesPerSecond: 200, divergedKeys: index },
      cdc: { writesPerSecond: null, divergedKeys: 0 },
    },
  })),
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
          revision: 2,
          stores: { redis: differing('stale', { note: 'old' }), elasticsearch: same, clickhouse: same },
          writes: raced,
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
