import { expect, test } from '@jest/globals'
import { composeVerdicts, type Verdict } from '../runner/experiment.ts'
import { checks, report } from './checks.ts'
import { phases } from './faults.ts'
import { dualWrites, strategies, throughLog, type Entry, type Strategy } from './history.ts'

const isDual = (strategy: Strategy): boolean => dualWrites.includes(strategy)

const wrongCopy = (strategy: (typeof strategies)[number], phase: (typeof phases)[number]): Entry => ({
  ...{ kind: 'wrong-copy', strategy, phase, order: `${strategy} ${phase}`, acknowledged: true, revision: 4 },
  stores: [{ store: 'redis', kind: 'stale', revision: 2 }],
})

const expected: readonly Entry[] = [
  ...strategies.flatMap((strategy): readonly Entry[] => [
    ...phases.map((phase): Entry => ({
      ...{ kind: 'phase', phase, strategy, deaths: 2, hits: 20 },
      outcomes: { ok: 90, failed: 0, indeterminate: 10 },
    })),
    { kind: 'audit', strategy, verdict: isDual(strategy) ? 'diverged' : 'consistent', doubts: [], rows: 30 },
    ...(isDual(strategy) ? phases.slice(1).map((phase) => wrongCopy(strategy, phase)) : []),
  ]),
]
const verdictsOf = (history: readonly Entry[]): readonly Verdict[] => checks.map(({ check }) => check(history).verdict)
const verdictOf = (history: readonly Entry[]): Verdict => composeVerdicts(verdictsOf(history))

test('holds for what is expected', () => {
  expect(new Set(verdictsOf(expected))).toEqual(new Set(['holds']))
})

test.each(dualWrites)('is refuted when %s leaves nothing behind', (strategy) => {
  expect(verdictOf(expected.filter((entry) => entry.kind !== 'wrong-copy' || entry.strategy !== strategy))).toBe(
    'refuted',
  )
})

test.each(throughLog)('is refuted by a wrong copy with %s', (strategy) => {
  for (const phase of phases) expect(verdictOf([...expected, wrongCopy(strategy, phase)])).toBe('refuted')
})

test('is refuted when no late write undoes a newer one', () => {
  const missing = expected.map((entry): Entry =>
    entry.kind === 'wrong-copy' && entry.phase === 'request late'
      ? { ...entry, stores: [{ store: 'redis', kind: 'missing', revision: null }] }
      : entry,
  )
  expect(verdictOf(missing)).toBe('refuted')
})

test.each<[string, (entry: Entry) => boolean]>([
  ['a phase', (entry) => entry.kind === 'phase' && entry.phase === 'answer lost'],
  ['a strategy', (entry) => entry.kind === 'phase' && entry.strategy === 'cdc'],
  ['an audit', (entry) => entry.kind === 'audit' && entry.strategy === 'outbox by relay'],
])('is unknown without %s', (_, where) => {
  expect(verdictOf(expected.filter((entry) => !where(entry)))).toBe('unknown')
})

test.each<[string, Partial<Extract<Entry, { kind: 'phase' }>>]>([
  ['nobody was killed', { deaths: 0 }],
  ['a fault hit nothing', { hits: 0 }],
  ['there were hardly any requests', { outcomes: { ok: 9, failed: 0, indeterminate: 0 } }],
])('is unknown when %s', (_, change) => {
  expect(verdictOf(expected.map((entry) => (entry.kind === 'phase' ? { ...entry, ...change } : entry)))).toBe('unknown')
})

test('is unknown when copies are wrong though nothing failed', () => {
  expect(verdictOf([...expected, wrongCopy('dual-write', 'nothing fails')])).toBe('unknown')
})

test('an audit that could not tell is no proof of anything', () => {
  const doubtful = expected.map((entry): Entry => (entry.kind === 'audit' ? { ...entry, verdict: 'unknown' } : entry))
  expect(new Set(verdictsOf(doubtful))).toEqual(new Set(['unknown']))
})

test('reports per 10,000 requests', () => {
  const [counts, rates] = report(expected).tables
  expect(counts?.rows[0]).toEqual(['dual-write', '0 of 100', '1 of 100', '1 of 100', '1 of 100', '1 of 100'])
  expect(rates?.rows[0]).toEqual(['dual-write', '0', '100', '100', '100', '100'])
})
