/** Milliseconds since 1970, with fractions: unlike Date.now(), fine enough to order what is less than a millisecond apart. */
export function preciseNowMs(): number {
  return performance.timeOrigin + performance.now()
}
