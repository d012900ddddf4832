/**
 * Commit-to-visible latency over a window that a benchmark opens: exact percentiles to three digits, next to the
 * Prometheus histogram, whose buckets are too coarse to hold a target of 15 ms against.
 */
import { build, type Histogram } from 'hdr-histogram-js'

export interface LatencySummary {
  readonly count: number
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
  /** Since when, RFC 3339. */
  readonly since: string
}

export interface LatencyWindow {
  record(latencyMs: number): void
  summary(): LatencySummary
  reset(): void
}

/** Whatever took longer than this counts as this long: a backlog of an hour tells nothing more by its digits. */
const ceilingMs = 3_600_000

export function createLatencyWindow(now: () => Date = () => new Date()): LatencyWindow {
  const histogram: Histogram = build({
    bitBucketSize: 64,
    lowestDiscernibleValue: 1,
    highestTrackableValue: ceilingMs * 1_000,
    numberOfSignificantValueDigits: 3,
  })
  let since = now()
  return {
    record: (latencyMs) => {
      histogram.recordValue(Math.round(Math.min(Math.max(latencyMs, 0), ceilingMs) * 1_000))
    },
    summary: () => {
      const count = histogram.totalCount
      const at = (percentile: number): number | null =>
        count === 0 ? null : histogram.getValueAtPercentile(percentile) / 1_000
      return { count, p50Ms: at(50), p99Ms: at(99), maxMs: at(100), since: since.toISOString() }
    },
    reset: () => {
      histogram.reset()
      since = now()
    },
  }
}
