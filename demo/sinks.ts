/**
 * What the sinks say of themselves over HTTP: the latency of the window that a load opens, and how far they are behind
 * the log. It asks; it changes nothing but the window. How a sink is reached is the runtime's business.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { LaneResult, Store } from './result.ts'

const pollIntervalMs = 50

/** The sink of each store. */
export const sinkOf = {
  redis: 'cache-updater',
  elasticsearch: 'search-indexer',
  clickhouse: 'warehouse-loader',
} as const satisfies Record<Store, string>
export type SinkName = (typeof sinkOf)[Store]
export const sinks: readonly SinkName[] = Object.values(sinkOf)

/** One request to one sink. @throws {SinkError} when there is no answer, or a bad one. */
export type AskSink = (method: 'GET' | 'POST', path: string) => Promise<string>

/** A sink did not answer as sinks do. */
export class SinkError extends Error {
  override readonly name = 'SinkError'
}

export interface Lag {
  readonly records: number
  readonly ms: number
}

const latencySchema = z.object({
  count: z.number(),
  p50Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
  maxMs: z.number().nullable(),
})

export async function resetLatency(ask: AskSink): Promise<void> {
  await ask('POST', '/latency/reset')
}

/** @returns null when nothing was applied since the window was opened. */
export async function readLatency(ask: AskSink): Promise<LaneResult['stores']['redis']['latencyMs']> {
  const { p50Ms, p99Ms, maxMs } = latencySchema.parse(JSON.parse(await ask('GET', '/latency')))
  return p50Ms === null || p99Ms === null || maxMs === null ? null : { p50: p50Ms, p99: p99Ms, max: maxMs }
}

/** How far the slowest of the sinks is behind: the most records of one sink, the oldest change of any. */
export async function readLag(sinks: readonly AskSink[]): Promise<Lag> {
  const lags = await Promise.all(sinks.map(async (ask) => parseLag(await ask('GET', '/metrics'))))
  return {
    records: Math.max(0, ...lags.map(({ records }) => records)),
    ms: Math.max(0, ...lags.map(({ ms }) => ms)),
  }
}

/** Reads the lag of one sink from its metrics: records are added up over partitions, of the times the longest counts. */
export function parseLag(metrics: string): Lag {
  const values = (name: string): readonly number[] =>
    metrics
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)))
  return {
    records: values('sink_lag_records').reduce((sum, records) => sum + records, 0),
    ms: Math.max(0, ...values('sink_lag_ms')),
  }
}

/**
 * Waits until no sink has anything left to read.
 *
 * It is a measurement for the report. That everything has arrived is for the audit to find out, which asks the log.
 *
 * @throws {SinkError} when that takes longer than `deadlineMs`.
 */
export async function waitUntilDrained(
  sinks: readonly AskSink[],
  options: { readonly deadlineMs: number; readonly signal: AbortSignal; readonly onLag: (lag: Lag) => void },
): Promise<{ readonly drainedInMs: number }> {
  const startMs = performance.now()
  for (;;) {
    options.signal.throwIfAborted()
    const lag = await readLag(sinks)
    const elapsedMs = performance.now() - startMs
    if (lag.records === 0) return { drainedInMs: Math.round(elapsedMs) }
    if (elapsedMs > options.deadlineMs) {
      throw new SinkError(
        `After ${Math.round(elapsedMs / 1_000)} s the slowest sink is still ${lag.records} records behind; ` +
          'see make logs SERVICE=cache-updater (search-indexer, warehouse-loader).',
      )
    }
    options.onLag(lag)
    await sleep(pollIntervalMs)
  }
}
