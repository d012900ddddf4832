import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { recentHistory } from './recent.ts'

describe('a recent history', () => {
  test('remembers the newest entries of the keys that were written last, in order, and no more', () => {
    const keysMax = 3
    const entriesMax = 2
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e')), (written) => {
        const history = recentHistory<number>({ keysMax, entriesMax })
        written.forEach((key, index) => {
          history.record(key, index)
        })
        const newestKeys = new Set<string>()
        for (const key of written.toReversed()) if (newestKeys.size < keysMax) newestKeys.add(key)
        for (const key of newestKeys) {
          const all = written.flatMap((other, index) => (other === key ? [index] : []))
          const kept = history.of(key)
          expect(kept.at(-1)).toBe(all.at(-1))
          expect(kept.length).toBeLessThanOrEqual(entriesMax)
          expect(all.slice(-kept.length)).toEqual(kept)
        }
        const forgotten = written.filter((key) => !newestKeys.has(key))
        expect(forgotten.flatMap((key) => history.of(key))).toEqual([])
      }),
    )
  })

  test('knows nothing of a key that was never written', () => {
    expect(recentHistory({ keysMax: 1, entriesMax: 1 }).of('a')).toEqual([])
  })
})
