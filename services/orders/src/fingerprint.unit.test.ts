import { describe, expect, test } from '@jest/globals'
import { fingerprintOf } from './fingerprint.ts'

describe('the fingerprint of a request', () => {
  test('does not depend on the order of fields, at any depth', () => {
    expect(fingerprintOf({ a: 1, b: [{ c: 2, d: 3 }] })).toBe(fingerprintOf({ b: [{ d: 3, c: 2 }], a: 1 }))
  })

  test('depends on values, on the order of items and on which field holds what', () => {
    const all = [{ a: 1 }, { a: '1' }, { b: 1 }, { a: [1, 2] }, { a: [2, 1] }, { a: { b: 1 } }, {}, []]
    expect(new Set(all.map(fingerprintOf)).size).toBe(all.length)
  })
})
