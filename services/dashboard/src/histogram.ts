/** Quantiles out of a histogram's cumulative buckets. Pure. */

/** Upper bounds with how many observations are at or below each, since the process started. */
export type Buckets = ReadonlyMap<number, number>

/** What came between two readings; null when the counters were set back, or nothing came. */
export function between(earlier: Buckets, later: Buckets): Buckets | null {
  const difference = new Map<number, number>()
  for (const [bound, count] of later) {
    const added = count - (earlier.get(bound) ?? 0)
    if (added < 0) return null
    difference.set(bound, added)
  }
  return (difference.get(Number.POSITIVE_INFINITY) ?? 0) > 0 ? difference : null
}

/**
 * Interpolated within the bucket, as Prometheus does; in the last one, which has no upper bound, the bound below it is
 * all that can be said.
 */
export function quantile(buckets: Buckets, q: number): number | null {
  const sorted = [...buckets].sort(([one], [other]) => one - other)
  const total = sorted.at(-1)?.[1] ?? 0
  if (total === 0) return null
  const rank = q * total
  let [lowerBound, lowerCount] = [0, 0]
  for (const [bound, count] of sorted) {
    if (count >= rank) {
      if (bound === Number.POSITIVE_INFINITY) return lowerBound
      const share = count === lowerCount ? 1 : (rank - lowerCount) / (count - lowerCount)
      return lowerBound + (bound - lowerBound) * share
    }
    ;[lowerBound, lowerCount] = [bound, count]
  }
  return lowerBound
}
