/** Each part of the claim, on made-up histories: what must refute it, what lets it hold, and what tells nothing. */
import { describe, expect, test } from '@jest/globals'
import type { Check } from '../runner/experiment.ts'
import { afterCuts, afterKills, concurrencies, costs, locksStay, recovers, vacuumWaits } from './checks.ts'
import type { Comparison, Entry, EntryOf } from './history.ts'

const alike: Comparison = {
  orders: 10,
  onlyInOrders: [],
  onlyInReadModel: [],
  different: [],
  lost: [],
  stillInDoubt: 0,
}

const kill = (differing: Partial<EntryOf<'coordinator killed'>> = {}): Entry => ({
  kind: 'coordinator killed',
  ...{ trial: 1, acknowledged: 100, failed: 0, indeterminate: 16, afterMs: 400 },
  ...{ inDoubt: { orders: 3, readModel: 4 }, halfEnded: 1, lockedRows: { orders: 2, readModel: 3 } },
  ...{ awayMs: 2_000, recoveryMs: 900, comparison: alike },
  ...differing,
})
const cut = (differing: Partial<EntryOf<'connections cut'>> = {}): Entry => ({
  kind: 'connections cut',
  ...{ trial: 1, acknowledged: 100, failed: 5, indeterminate: 0, cuts: 7, inDoubtSeenMax: 4, comparison: alike },
  ...differing,
})
const probe = (row: 'in doubt' | 'other', outcome: 'went through' | 'timed out'): Entry => ({
  ...{ kind: 'probe', trial: 1, row, patienceMs: 250, outcome, waitedMs: 250 },
})
const wait = (waitedMs: number): Entry => ({ kind: 'wait', trial: 1, coordinatorBackAfterMs: 2_000, waitedMs })
const vacuum = (meanwhile: 'in doubt' | 'recovered', deadRowsLeft: number): Entry => ({
  ...{ kind: 'vacuum', trial: 1, meanwhile, deadRowsLeft },
})
const prices = (twoPhaseWrites: readonly number[]): readonly Entry[] =>
  twoPhaseWrites.flatMap((writes, round) =>
    concurrencies.flatMap((concurrency) =>
      (['order alone', 'two commits', 'two-phase commit'] as const).map((variant): Entry => {
        const speed = variant === 'two-phase commit' ? writes : 100
        const latency = { p50Ms: 100 / speed, p95Ms: 200 / speed, walBytes: 1 }
        return { kind: 'price', round, variant, concurrency, writes: speed, durationMs: 1_000, ...latency }
      }),
    ),
  )

const nothingInDoubt = { inDoubt: { orders: 0, readModel: 0 } }

describe.each<
  readonly [string, Check<Entry>, Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>]
>([
  [
    'after kills',
    afterKills,
    {
      holds: [[kill()], [kill(), kill(nothingInDoubt)]],
      refuted: [
        [kill({ comparison: { ...alike, onlyInOrders: ['a'] } })],
        [kill({ comparison: { ...alike, onlyInReadModel: ['a'] } }), kill()],
        [kill({ comparison: { ...alike, different: ['a'] } })],
        [kill({ comparison: { ...alike, lost: ['a'] } })],
        [kill({ comparison: { ...alike, stillInDoubt: 1 } })],
      ],
      unknown: [[], [kill(nothingInDoubt)], [kill({ comparison: { ...alike, orders: 0 } })], [cut()]],
    },
  ],
  [
    'after cuts',
    afterCuts,
    {
      holds: [[cut()]],
      refuted: [[cut({ comparison: { ...alike, different: ['a'] } })]],
      unknown: [[], [cut({ cuts: 0 })], [cut({ failed: 0 })], [kill()]],
    },
  ],
  [
    'locks',
    locksStay,
    {
      holds: [[probe('in doubt', 'timed out'), probe('other', 'went through'), wait(2_900)]],
      refuted: [
        [probe('in doubt', 'went through'), probe('other', 'went through'), wait(2_900)],
        [probe('in doubt', 'timed out'), probe('other', 'timed out'), wait(2_900)],
        [probe('in doubt', 'timed out'), probe('other', 'went through'), wait(1_900)],
      ],
      unknown: [[], [probe('other', 'went through')], [probe('in doubt', 'timed out'), probe('other', 'went through')]],
    },
  ],
  [
    'recovery',
    recovers,
    { holds: [[kill()]], refuted: [[kill({ recoveryMs: 31_000 })]], unknown: [[], [kill(nothingInDoubt)]] },
  ],
  [
    'VACUUM',
    vacuumWaits,
    {
      holds: [[vacuum('in doubt', 200), vacuum('recovered', 0)]],
      refuted: [
        [vacuum('in doubt', 0), vacuum('recovered', 0)],
        [vacuum('in doubt', 200), vacuum('recovered', 200)],
      ],
      unknown: [[], [vacuum('in doubt', 200)], [vacuum('recovered', 0)]],
    },
  ],
  [
    'the price',
    costs,
    {
      holds: [prices([50, 55, 60])],
      refuted: [prices([150, 155, 160])],
      unknown: [[], prices([80, 120, 100])],
    },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history).verdict).toBe(verdict)
  })
})
