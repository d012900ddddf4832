import { describe, expect, test } from '@jest/globals'
import { storeNames } from '../../services/rebuild/src/generation.ts'
import type { Check } from '../runner/experiment.ts'
import { compacts, endsConsistent, rebuildsEqual, staysDeleted } from './checks.ts'
import type { Entry, EntryOf } from './history.ts'

const topic = (when: 'before' | 'after', differing: Partial<EntryOf<'topic'>> = {}): Entry => ({
  ...{ kind: 'topic', when, records: 1_000, superseded: when === 'before' ? 700 : 10, keys: 290, ended: 10, bytes: 1 },
  ...differing,
})
const compaction: Entry = { kind: 'compaction', closing: 40, waitedMs: 1 }
const database = (answers: boolean): readonly Entry[] => [
  { kind: 'database', when: 'before the rebuild', answers: false },
  { kind: 'database', when: 'after the rebuild', answers },
]
const rebuilt: readonly Entry[] = storeNames.map((store) => ({
  ...{ kind: 'rebuilt', store, from: 'a', to: 'b', keys: 290, records: 300, fillMs: 1, keysPerSecond: 1, heldMs: 1 },
  ...{ switchedAtMs: 1, poison: 0 },
}))
const same = { missing: 0, extra: 0, newer: 0, older: 0, changed: 0 }
const compared = (differing: Partial<EntryOf<'compared'>> = {}): readonly Entry[] =>
  storeNames.map((store) => ({ kind: 'compared', store, keys: 290, counts: same, ...differing }))
const equal = [topic('after'), ...database(false), ...rebuilt, ...compared()]
const deleted = (alive: number): readonly Entry[] =>
  storeNames.map((store) => ({ kind: 'deleted', store, orders: 10, alive }))
const audit = (verdict: EntryOf<'audit'>['verdict'], orders = 290): Entry => ({ kind: 'audit', verdict, orders })

type Histories = Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>

describe.each<readonly [string, Check<Entry>, Histories]>([
  [
    'compaction',
    compacts,
    {
      holds: [[topic('before'), compaction, topic('after')]],
      refuted: [
        [topic('before'), compaction, topic('after', { keys: 289 })],
        [topic('before'), compaction, topic('after', { ended: 9 })],
      ],
      unknown: [
        [],
        [topic('before'), topic('after')],
        [topic('before', { superseded: 0 }), compaction, topic('after')],
        [topic('before'), compaction, topic('after', { superseded: 500 })],
      ],
    },
  ],
  [
    'the rebuilt stores',
    rebuildsEqual,
    {
      holds: [equal],
      refuted: [
        ...(['missing', 'extra', 'newer', 'older', 'changed'] as const).map((kind) => [
          ...[topic('after'), ...database(false), ...rebuilt],
          ...compared({ counts: { ...same, [kind]: 1 } }),
        ]),
        [topic('after'), ...database(false), ...rebuilt, ...compared({ keys: 289 })],
      ],
      unknown: [
        [],
        [topic('after'), ...database(true), ...rebuilt, ...compared()],
        [topic('after'), ...rebuilt, ...compared()],
        [topic('after'), ...database(false), ...compared()],
        [topic('after'), ...database(false), ...rebuilt, ...compared().slice(1)],
        [topic('after', { keys: 0 }), ...database(false), ...rebuilt, ...compared({ keys: 0 })],
      ],
    },
  ],
  ['deletes', staysDeleted, { holds: [deleted(0)], refuted: [deleted(1)], unknown: [[], deleted(0).slice(1)] }],
  [
    'the audit',
    endsConsistent,
    {
      holds: [[audit('consistent')], [audit('diverged'), audit('consistent')]],
      refuted: [[audit('diverged')]],
      unknown: [[], [audit('unknown')], [audit('consistent', 0)]],
    },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history)).toMatchObject({ verdict })
  })
})
