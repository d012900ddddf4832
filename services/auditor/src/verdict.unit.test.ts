import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { composeVerdicts, exitCodeOf, verdictOf, type Verdict } from './verdict.ts'

const verdicts = fc.constantFrom<Verdict>('consistent', 'diverged', 'unknown')

it('an audit that saw nothing is unknown, never a pass', () => {
  expect(verdictOf({ divergences: 0, comparisons: 0, doubts: [] })).toBe('unknown')
  expect(composeVerdicts([])).toBe('unknown')
})

it('a certain divergence is never outvoted by a doubt', () => {
  expect(verdictOf({ divergences: 1, comparisons: 0, doubts: ['Redis was away'] })).toBe('diverged')
})

it('any doubt takes the pass away', () => {
  fc.assert(
    fc.property(fc.nat(), fc.array(fc.string(), { minLength: 1 }), (comparisons, doubts) => {
      expect(verdictOf({ divergences: 0, comparisons, doubts })).toBe('unknown')
    }),
  )
})

it('putting verdicts together never turns unknown or diverged into a pass', () => {
  fc.assert(
    fc.property(fc.array(verdicts), (parts) => {
      const whole = composeVerdicts(parts)
      expect(whole === 'consistent').toBe(parts.length > 0 && parts.every((part) => part === 'consistent'))
      expect(whole === 'diverged').toBe(parts.includes('diverged'))
    }),
  )
})

it('the order and the grouping of verdicts do not matter', () => {
  fc.assert(
    fc.property(fc.array(verdicts, { minLength: 1 }), fc.array(verdicts, { minLength: 1 }), (one, other) => {
      const whole = composeVerdicts([...one, ...other])
      expect(composeVerdicts([...other, ...one])).toBe(whole)
      expect(composeVerdicts([composeVerdicts(one), composeVerdicts(other)])).toBe(whole)
    }),
  )
})

it('every verdict has its own exit code', () => {
  expect((['consistent', 'diverged', 'unknown'] as const).map(exitCodeOf)).toEqual([0, 1, 2])
})
