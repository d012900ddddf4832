/**
 * What can still be known of list prices that were overwritten by what was left of them. Pure.
 *
 * Rounding down takes several prices to the same one, so the way back is not a function: every price that leads to the stored
 * one may have been it.
 */
import { fixedPricing, shippedUnitCents } from './revenue.ts'

export interface StoredLine {
  readonly quantity: number
  /** After the discount, as the code that was shipped rounded it. */
  readonly storedUnitCents: number
}

/** The list prices that the line may have had. */
export function possiblePrices({ quantity, storedUnitCents }: StoredLine): readonly number[] {
  // A discount only ever lowers a price, and none here halves it.
  return Array.from({ length: storedUnitCents + 3 }, (_, more) => storedUnitCents + more).filter(
    (unitPriceCents) => shippedUnitCents({ quantity, unitPriceCents }) === storedUnitCents,
  )
}

/** What the line may rightly have brought, from the lowest on; one amount when it can be told. */
export function possibleAmounts(line: StoredLine): readonly number[] {
  const { quantity } = line
  const amounts = possiblePrices(line).map((unitPriceCents) => fixedPricing({ quantity, unitPriceCents }))
  return [...new Set(amounts)].toSorted((one, other) => one - other)
}
