/** Confidence intervals of what is measured several times in one run. */

export interface Interval {
  readonly estimate: number
  readonly low: number
  readonly high: number
}

/** Two-sided 95% quantiles of Student's t, for 1, 2, 3… degrees of freedom. */
const student = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086,
] as const

/**
 * The geometric mean of ratios, one a round, with its 95% interval: their logarithms are taken to be normal, so that
 * half as fast and twice as fast are equally far from equal. @throws {RangeError} for less than two, which have none.
 */
export function meanRatio(ratios: readonly number[]): Interval {
  const count = ratios.length
  if (count < 2) throw new RangeError(`${count} rounds have no interval`)
  const logs = ratios.map(Math.log)
  const mean = logs.reduce((sum, log) => sum + log, 0) / count
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (count - 1)
  const half = (student[count - 2] ?? 2.086) * Math.sqrt(variance / count)
  return { estimate: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) }
}
