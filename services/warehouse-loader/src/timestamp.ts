/** RFC 3339 in UTC with microseconds. Here, because a projection may not reach for a clock, and `Date` is one. */
export function timestampOf(ms: number): string {
  const wholeMs = Math.floor(ms)
  const micros = Math.min(999, Math.round((ms - wholeMs) * 1_000))
  return new Date(wholeMs).toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`)
}
