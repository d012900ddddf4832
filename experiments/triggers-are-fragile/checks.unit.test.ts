import { describe, expect, test } from '@jest/globals'
import type { Verdict } from '../runner/experiment.ts'
import { checks, ratio, report } from './checks.ts'
import {
  captures,
  entrySchema,
  scenarioNames,
  variants,
  type Capture,
  type Entry,
  type ScenarioName,
  type Variant,
} from './history.ts'

const rows = Array.from({ length: 20 }, (_none, at) => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`)

const missedByTriggers: readonly ScenarioName[] = [
  'session_replication_role = replica, trigger as it comes',
  'DISABLE TRIGGER',
  'an added column, by a trigger that lists its columns',
]
const missedByAll: readonly ScenarioName[] = ['TRUNCATE', 'an added column with a default, and no update']

interface World {
  readonly isWrong: (scenario: ScenarioName, capture: Capture) => boolean
  readonly truncates: (capture: Capture) => number
  readonly became: string
  readonly compacted: 'running' | 'failed'
  readonly brokenTriggers: 'committed' | 'refused'
  readonly brokenLog: 'committed' | 'refused'
  readonly changesPerSecond: Readonly<Record<Variant, number>>
  readonly walBytes: Readonly<Record<Variant, number>>
  readonly changedRows: number
  readonly rounds: number
}

const asClaimed: World = {
  isWrong: (scenario, capture) =>
    missedByAll.includes(scenario) || (capture === 'triggers' && missedByTriggers.includes(scenario)),
  truncates: (capture) => (capture === 'log' ? 1 : 0),
  became: 'O',
  compacted: 'failed',
  brokenTriggers: 'refused',
  brokenLog: 'committed',
  changesPerSecond: { none: 1_000, triggers: 600, log: 900 },
  walBytes: { none: 300, triggers: 1_500, log: 700 },
  changedRows: 20,
  rounds: 4,
}

function historyOf(changes: Partial<World> = {}): readonly Entry[] {
  const world = { ...asClaimed, ...changes }
  const { changedRows } = world
  const entries: readonly Entry[] = [
    ...scenarioNames.flatMap((scenario) =>
      captures.map((capture): Entry => ({
        ...{ type: 'scenario', scenario, capture, changedRows },
        delivered: scenario === 'TRUNCATE' ? 0 : changedRows,
        truncates: scenario === 'TRUNCATE' ? world.truncates(capture) : 0,
        wrong: world.isWrong(scenario, capture) ? rows.slice(0, changedRows) : [],
      })),
    ),
    { type: 'trigger-state', after: 'DISABLE TRIGGER ALL, ENABLE TRIGGER ALL', was: 'A', became: world.became },
    { type: 'compacted', state: world.compacted, reason: world.compacted === 'failed' ? 'no key' : null },
    { type: 'write', broken: 'nothing', outcome: 'committed', code: null },
    { type: 'write', broken: 'triggers', outcome: world.brokenTriggers, code: '23514' },
    { type: 'write', broken: 'log', outcome: world.brokenLog, code: null },
    ...Array.from({ length: world.rounds }, (_none, round) =>
      variants.map((variant): Entry => {
        // Some rounds are slower, for all alike, and a little more for some.
        const noise = 1 + round / 10 + variants.indexOf(variant) / 100
        return {
          ...{ type: 'load', round, variant, changes: 1_000, p50Ms: noise, p99Ms: 5 * noise },
          durationMs: (1_000 / world.changesPerSecond[variant]) * 1_000 * noise,
          walBytes: world.walBytes[variant] * 1_000,
        }
      }),
    ).flat(),
  ]
  return entries.map((entry) => entrySchema.parse(entry))
}

const verdictsOf = (history: readonly Entry[]): Readonly<Record<string, Verdict>> =>
  Object.fromEntries(checks.map(({ statement, check }) => [statement, check(history).verdict]))
const all = (verdict: Verdict) => Object.fromEntries(checks.map(({ statement }) => [statement, verdict]))

describe('the checks', () => {
  test('hold when everything is as claimed', () => {
    expect(verdictsOf(historyOf())).toEqual(all('holds'))
  })

  test('are refuted when everything is the other way round', () => {
    const otherwise = historyOf({
      isWrong: (scenario, capture) =>
        !asClaimed.isWrong(scenario, capture) || (capture === 'log' && missedByTriggers.includes(scenario)),
      truncates: () => 0,
      became: 'A',
      compacted: 'running',
      brokenTriggers: 'committed',
      brokenLog: 'refused',
      changesPerSecond: { none: 500, triggers: 1_000, log: 600 },
      walBytes: { none: 1_500, triggers: 300, log: 700 },
    })
    expect(verdictsOf(otherwise)).toEqual(all('refuted'))
  })

  test('know nothing where nothing was seen', () => {
    expect(verdictsOf([{ type: 'write', broken: 'log', outcome: 'committed', code: null }])).toEqual(all('unknown'))
  })

  test('know nothing of scenarios that changed nothing', () => {
    const idle = checks.map(({ check }) => check(historyOf({ changedRows: 0 })).verdict)
    expect(idle.filter((verdict) => verdict === 'unknown')).toHaveLength(7)
    expect(idle).not.toContain('refuted')
  })

  test('do not compare too few rounds', () => {
    const comparing = Object.entries(verdictsOf(historyOf({ rounds: 2 }))).filter(([, verdict]) => verdict !== 'holds')
    expect(comparing.map(([, verdict]) => verdict)).toEqual(['unknown', 'unknown'])
  })

  test('tell a difference from noise', () => {
    const alike = { none: 985, triggers: 995, log: 985 }
    const verdicts = verdictsOf(historyOf({ changesPerSecond: alike, rounds: 3 }))
    expect(verdicts['triggers slow the writer']).not.toBe('holds')
  })
})

test('a ratio compares each round within itself', () => {
  const { estimate, low, high, rounds } = ratio(historyOf(), 'WAL bytes per change', 'triggers', 'none')
  expect([estimate, low, high].map((value) => value.toFixed(6))).toEqual(['5.000000', '5.000000', '5.000000'])
  expect(rounds).toBe(4)
})

test('the report names what each capture left wrong, and that one of them said so', () => {
  const [scenarios] = report(historyOf()).tables
  expect(scenarios?.rows).toContainEqual(['TRUNCATE', '20 of 20', '20 of 20, but said so', '20 of 20'])
})

test('the report of a run that broke off before the load says nothing of its cost', () => {
  const { tables, charts } = report(historyOf().filter(({ type }) => type !== 'load'))
  expect(tables).toHaveLength(1)
  expect(charts).toEqual([])
})
