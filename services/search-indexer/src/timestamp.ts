/** RFC 3339 in UTC with milliseconds. Here, because a projection may not reach for a clock, and `Date` is one. */
export function timestampOf(ms: number): string {
  return new Date(Math.floor(ms)).toISOString()
}
