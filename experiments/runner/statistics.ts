/** The few statistics that verdicts rest on. */

export interface Interval {
  readonly estimate: number
  readonly low: number
  readonly high: number
}

/** The 97.5 % point of the normal distribution, for intervals of 95 %. */
const z = 1.959964

/**
 * Wilson's interval for a proportion: it stays within [0, 1] and says something sensible for none of many.
 *
 * Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
 *
 * @throws {RangeError} when nothing was tried.
 */
export function wilson(successes: number, trials: number): Interval {
  if (trials <= 0 || successes < 0 || successes > trials) throw new RangeError(`${successes} of ${trials}`)
  const estimate = successes / trials
  const spread = z * Math.sqrt((estimate * (1 - estimate)) / trials + (z * z) / (4 * trials * trials))
  const centre = estimate + (z * z) / (2 * trials)
  const scale = 1 + (z * z) / trials
  return { estimate, low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) }
}

export function scale({ estimate, low, high }: Interval, factor: number): Interval {
  return { estimate: estimate * factor, low: low * factor, high: high * factor }
}

/** `fraction` from 0 to 1, by the nearest rank. @throws {RangeError} for no values. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  const value = sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)]
  if (value === undefined) throw new RangeError('no values')
  return value
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
