/** The parts that the verdict rests on: the projection, the exact computation, and what can be recovered. */
import { describe, expect, test } from '@jest/globals'
import { decide, emptyState, recordFacts, startFold } from '@driftlab/order-events'
import fc from 'fast-check'
import { compare } from './experiment.ts'
import { recover, type PaidLine } from './in-place.ts'
import { commandsOf, planHistory } from '../laboratory/planned-orders.ts'
import { exactRevenue, planning } from './plan.ts'
import { possibleAmounts, possiblePrices } from './recover.ts'
import {
  addUp,
  fixedPricing,
  revenueOf,
  shippedPricing,
  shippedUnitCents,
  type Pricing,
  type Revenue,
} from './revenue.ts'

const line = fc.record({
  quantity: fc.integer({ min: 1, max: 20 }),
  unitPriceCents: fc.integer({ min: 1, max: 5_000 }),
})

/** What the projection makes of a plan, decided as a processor decides it. */
function project(
  seed: number,
  pricing: Pricing,
): { readonly projected: readonly Revenue[]; readonly exact: readonly Revenue[] } {
  let state = seed
  const random = (): number => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  const orders = planHistory(60, 30, new Date('2026-11-27T00:00:00Z'), planning(random))
  const fold = startFold()
  const revenues = commandsOf(orders).flatMap((command) => {
    const key = 'orderId' in command ? command.orderId : ''
    const decision = decide(fold.state(key), command)
    if (decision.outcome !== 'accepted') throw new Error(`${command.type} came to ${decision.outcome}`)
    return recordFacts(fold.state(key), key, command, decision.facts).events.flatMap((event) => {
      const before = fold.state(key)
      fold.add(event)
      return revenueOf(before, event, pricing)
    })
  })
  return { projected: addUp(revenues), exact: exactRevenue(orders) }
}

describe('the projection', () => {
  test('fixed, it is the exact computation of the plan, whatever happens to the orders; as shipped it is not', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (seed) => {
        const fixed = project(seed, fixedPricing)
        expect(compare(fixed.projected, fixed.exact)).toMatchObject({ differing: 0 })
        const shipped = project(seed, shippedPricing)
        expect(compare(shipped.projected, shipped.exact).differing).toBeGreaterThan(0)
      }),
      { numRuns: 20 },
    )
  })

  test('the comparison misses nothing: a row too many, one too few, one with another value', () => {
    const row = { day: '2026-01-01', sku: 'tea-1', netCents: 100, lines: 1 }
    expect(compare([row], [row]).differing).toBe(0)
    expect(compare([row, { ...row, sku: 'tea-2' }], [row]).differing).toBe(1)
    expect(compare([], [row]).differing).toBe(1)
    expect(compare([{ ...row, netCents: 99 }], [row])).toMatchObject({ differing: 1, totalCents: 99, exactCents: 100 })
    expect(compare([row, { ...row, sku: 'tea-2', netCents: 0, lines: 0 }], [row]).differing).toBe(0)
  })

  test('nothing is revenue before it is paid, and what was never paid is not taken back', () => {
    expect(revenueOf(emptyState('00000000-0000-4000-8000-000000000001'), {} as never, fixedPricing)).toEqual([])
  })
})

describe('what can be recovered', () => {
  test('the true price and the true amount are always among the possible ones, which all lead to what is stored', () => {
    fc.assert(
      fc.property(line, ({ quantity, unitPriceCents }) => {
        const storedUnitCents = shippedUnitCents({ quantity, unitPriceCents })
        const prices = possiblePrices({ quantity, storedUnitCents })
        expect(prices).toContain(unitPriceCents)
        for (const price of prices) expect(shippedUnitCents({ quantity, unitPriceCents: price })).toBe(storedUnitCents)
        expect(possibleAmounts({ quantity, storedUnitCents })).toContain(fixedPricing({ quantity, unitPriceCents }))
        expect(quantity < 10 ? prices : [unitPriceCents]).toEqual([unitPriceCents])
      }),
    )
  })

  const paid = (changes: Partial<PaidLine>): PaidLine => ({
    ...{
      orderId: 'o',
      line: 0,
      sku: 'tea-1',
      quantity: 2,
      storedUnitCents: 100,
      paidOn: '2026-01-01',
      cancelledOn: null,
    },
    ...changes,
  })
  const row = { day: '2026-01-01', sku: 'tea-1', netCents: 200, lines: 1 }

  test('a row is lost when a line of it is gone, or when one may have been this or that', () => {
    expect(recover([row], [paid({})])).toMatchObject({ rowsLost: 0, linesGone: 0, lowCents: 200, highCents: 200 })
    expect(recover([row], [])).toMatchObject({ rowsLost: 1, linesGone: 1 })
    const ambiguous = paid({ quantity: 10, storedUnitCents: shippedUnitCents({ quantity: 10, unitPriceCents: 206 }) })
    const lost = recover([row], [ambiguous])
    expect(lost).toMatchObject({ rowsLost: 1, linesGone: 0 })
    expect(lost.lowCents).toBeLessThan(lost.highCents)
    const cancelled = paid({ cancelledOn: '2026-01-02' })
    const refunded = { ...row, day: '2026-01-02', netCents: -200, lines: -1 }
    expect(recover([row, refunded], [cancelled])).toMatchObject({ rows: 2, rowsLost: 0, lowCents: 0, highCents: 0 })
  })
})
