import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { totalCentsOf } from './totals.ts'

describe('the total of an order', () => {
  test('is the exact sum, or refused; it is never rounded', () => {
    const item = fc.record({ quantity: fc.nat(1_000_000), unitPriceCents: fc.nat({ max: 100_000_000_000 }) })
    fc.assert(
      fc.property(fc.array(item, { maxLength: 100 }), (items) => {
        const exact = items.reduce((sum, each) => sum + BigInt(each.quantity) * BigInt(each.unitPriceCents), 0n)
        const expected = exact <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(exact) : undefined
        expect(totalCentsOf(items)).toBe(expected)
      }),
    )
  })

  test('the largest total that is exact is still accepted', () => {
    expect(totalCentsOf([{ quantity: 1, unitPriceCents: Number.MAX_SAFE_INTEGER }])).toBe(Number.MAX_SAFE_INTEGER)
    expect(
      totalCentsOf([
        { quantity: 1, unitPriceCents: Number.MAX_SAFE_INTEGER },
        { quantity: 1, unitPriceCents: 1 },
      ]),
    ).toBeUndefined()
  })
})
