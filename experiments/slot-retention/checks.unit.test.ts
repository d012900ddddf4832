import { describe, expect, test } from '@jest/globals'
import type { Check } from '../runner/experiment.ts'
import {
  drains,
  isBounded,
  lossIsReported,
  recovers,
  droppingIsNoRecovery,
  retains,
  snapshotLeavesDeleted,
} from './checks.ts'
import type { Audit, Entry, EntryOf } from './history.ts'

const consistent: Audit = { verdict: 'consistent', orders: 100, doubts: [], divergences: {} }
const diverged: Audit = { ...consistent, verdict: 'diverged', divergences: { missing: 3, resurrected: 0 } }
const unseen: Audit = { ...consistent, verdict: 'unknown', doubts: ['slot s has lost its place in the log'] }

const retention = (table: 'captured' | 'other', changes: number, retainedBytes: number): Entry => ({
  ...{ kind: 'retention', table, changes, retainedBytes, writtenBytes: retainedBytes },
})
const drain = (differing: Partial<EntryOf<'drain'>> = {}): Entry => ({
  ...{ kind: 'drain', changes: 1_000, retainedBefore: 5_000, retainedAfter: 100, connectReadyMs: 1, drainMs: 1 },
  ...{ audit: consistent },
  ...differing,
})
const bound = (retainedBytes: number | null, walStatus: string, afterCheckpoint: boolean): Entry => ({
  ...{ kind: 'bound', boundBytes: 64, retainedBytes, walStatus, invalidation: null, afterCheckpoint },
})
const lost = [bound(10, 'reserved', false), bound(90, 'unreserved', false), bound(null, 'lost', true)]
const loss = (connector: string, audit: Audit): Entry => ({ kind: 'loss', connector, connectorTrace: '', audit })
const dropped = (audit: Audit): Entry => ({ kind: 'slot dropped', connector: 'running', connectorTrace: '', audit })
const gap: Entry = { kind: 'gap', inserted: 20, updated: 20, deleted: 20 }
const snapshot = (leftInStores: number, audit: Audit): Entry => ({
  kind: 'snapshot',
  durationMs: 1,
  audit,
  leftInStores,
})
const resurrected = (missing: number): Audit => ({ ...diverged, divergences: { resurrected: 60, missing } })
const again = (audit: Audit): Entry => ({ kind: 'deleted again', orders: 20, audit })

type Histories = Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>
const kept = (captured: number, other: number): readonly Entry[] => [
  ...[retention('captured', 0, 100), retention('captured', 10, captured)],
  ...[retention('other', 0, 100), retention('other', 10, other)],
]

describe.each<readonly [string, Check<Entry>, Histories]>([
  [
    'retention',
    retains,
    { holds: [kept(200, 150)], refuted: [kept(100, 150), kept(200, 100)], unknown: [[], kept(200, 150).slice(0, 3)] },
  ],
  [
    'draining',
    drains,
    {
      holds: [[drain()]],
      refuted: [[drain({ audit: diverged })], [drain({ retainedAfter: 5_000 })]],
      unknown: [[], [drain({ audit: unseen })], [drain({ changes: 0 })]],
    },
  ],
  [
    'the bound',
    isBounded,
    {
      holds: [lost],
      refuted: [
        [bound(10, 'lost', false), bound(null, 'lost', true)],
        [bound(90, 'unreserved', false), bound(90, 'unreserved', true)],
      ],
      unknown: [[], [bound(10, 'reserved', false), bound(10, 'reserved', true)], lost.slice(0, 2)],
    },
  ],
  [
    'the report of the loss',
    lossIsReported,
    {
      holds: [
        [...lost, loss('failed', unseen)],
        [...lost, loss('waiting', unseen)],
      ],
      refuted: [
        [...lost, loss('failed', consistent)],
        [...lost, loss('running', unseen)],
        [...lost, loss('failed', { ...unseen, doubts: [] })],
      ],
      unknown: [[], lost, [loss('failed', unseen)]],
    },
  ],
  [
    'a slot dropped',
    droppingIsNoRecovery,
    {
      holds: [
        [gap, dropped(diverged)],
        [gap, dropped(unseen)],
      ],
      refuted: [[gap, dropped(consistent)]],
      unknown: [[], [gap]],
    },
  ],
  [
    'the snapshot',
    snapshotLeavesDeleted,
    {
      holds: [[gap, snapshot(20, resurrected(0))]],
      refuted: [
        [gap, snapshot(20, resurrected(1))],
        [gap, snapshot(19, resurrected(0))],
        [gap, snapshot(0, consistent)],
      ],
      unknown: [[], [gap], [gap, snapshot(0, unseen)]],
    },
  ],
  [
    'the end of the recovery',
    recovers,
    { holds: [[again(consistent)]], refuted: [[again(diverged)]], unknown: [[], [again(unseen)], [gap]] },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history).verdict).toBe(verdict)
  })
})
