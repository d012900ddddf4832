import { describe, expect, test } from '@jest/globals'
import { storeNames } from '../../services/rebuild/src/generation.ts'
import type { Check } from '../runner/experiment.ts'
import { endsConsistent, isAtomic, survivesKills } from './checks.ts'
import { readerNames, type Entry, type EntryOf } from './history.ts'
import { anomalyOf, watch } from './watch.ts'

const readers = (differing: Partial<EntryOf<'reader'>> = {}): readonly Entry[] =>
  readerNames.map((reader) => ({
    ...{ kind: 'reader', reader, polls: 100, pollsAtSwitch: 5, progress: 50, anomalies: 0, examples: [] },
    ...{ failures: 0, firstFailure: '' },
    ...differing,
  }))
const kill = (what: EntryOf<'fault'>['what'], hit = true): Entry => ({ kind: 'fault', what, hit })
const kills = [kill('kill -9 of the filler'), kill('kill -9 of the filler'), kill('kill -9 of a live sink')]
const rebuilt = (round: EntryOf<'rebuilt'>['round'] = 'under fire'): readonly Entry[] =>
  storeNames.map((store) => ({
    ...{ kind: 'rebuilt', round, store, from: 'a', to: 'b', keys: 1, records: 1, fillMs: 1, keysPerSecond: 1 },
    ...{ heldMs: 1, switchedAtMs: 1, poison: 0 },
  }))
const writes: Entry = { kind: 'writes', changes: 100 }
const audit = (verdict: EntryOf<'audit'>['verdict'], orders = 10): Entry => ({ kind: 'audit', verdict, orders })

type Histories = Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>

describe.each<readonly [string, Check<Entry>, Histories]>([
  [
    'readers',
    isAtomic,
    {
      holds: [readers()],
      refuted: [
        readers({ anomalies: 1 }),
        readers({ failures: 1, firstFailure: 'no such index' }),
        // Whoever did not see the switch may still have seen something else.
        readers({ anomalies: 1, pollsAtSwitch: 0 }),
      ],
      unknown: [[], readers().slice(1), readers({ pollsAtSwitch: 0 }), readers({ progress: 0 })],
    },
  ],
  [
    'the kills',
    survivesKills,
    {
      holds: [[...kills, ...rebuilt()]],
      refuted: [kills, [...kills, ...rebuilt().slice(1)], [...kills, ...rebuilt('alone')]],
      unknown: [
        [],
        [...kills.slice(1), ...rebuilt()],
        [...kills.slice(0, 2), ...rebuilt()],
        [...kills.slice(1), kill('kill -9 of the filler', false), ...rebuilt()],
      ],
    },
  ],
  [
    'the audit',
    endsConsistent,
    {
      holds: [[writes, audit('consistent')]],
      refuted: [[writes, audit('diverged')]],
      unknown: [[], [audit('consistent')], [writes, audit('unknown')], [writes, audit('consistent', 0)]],
    },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history)).toMatchObject({ verdict })
  })
})

describe('watching', () => {
  test('an order that goes back is noticed, and so is one that is gone', () => {
    expect(anomalyOf('a', 3, 2, 0)).toMatchObject({ kind: 'older' })
    expect(anomalyOf('a', 3, 0, 0)).toMatchObject({ kind: 'missing' })
    expect(anomalyOf('a', 3, 3, 0)).toBeUndefined()
    expect(anomalyOf('a', 0, 3, 0)).toBeUndefined()
  })

  test('every read is held against the newest before it, and a failed one is no read', async () => {
    const stop = new AbortController()
    const answers = [1, 2, 1, 2, undefined, 0, 3]
    const watched = await watch(
      ['a'],
      () => {
        const revision = answers.shift()
        if (answers.length === 0) stop.abort()
        if (revision === undefined) return Promise.reject(new Error('no such index'))
        return Promise.resolve(new Map(revision === 0 ? [] : [['a', revision]]))
      },
      stop.signal,
    )
    expect(watched.anomalies.map(({ kind }) => kind)).toEqual(['older', 'missing'])
    expect(watched.failures).toEqual(['no such index'])
    expect(watched.progress).toBe(2)
  })
})
