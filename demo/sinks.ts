/**
 * What the sinks say of themselves over HTTP: the latency of the window that a load opens, and how far they are behind
 * the log. It asks; it changes nothing but the window.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { LaneResult } from './result.ts'

const askTimeoutMs = 5_000
const pollIntervalMs = 50

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

export async function resetLatency(sinkUrl: string): Promise<void> {
  await ask(`${sinkUrl}/latency/reset`, 'POST')
}

/** @returns null when nothing was applied since the window was opened. */
export async function readLatency(sinkUrl: string): Promise<LaneResult['stores']['redis']['latencyMs']> {
  const { p50Ms, p99Ms, maxMs } = latencySchema.parse(JSON.parse(await ask(`${sinkUrl}/latency`, 'GET')))
  return p50Ms === null || p99Ms === null || maxMs === null ? null : { p50: p50Ms, p99: p99Ms, max: maxMs }
}

/** How far the slowest of the sinks is behind: the most records of one sink, the oldest change of any. */
export async function readLag(sinkUrls: readonly string[]): Promise<Lag> {
  const lags = await Promise.all(sinkUrls.map(async (url) => parseLag(await ask(`${url}/metrics`, 'GET'))))
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
  sinkUrls: readonly string[],
  options: { readonly deadlineMs: number; readonly signal: AbortSignal; readonly onLag: (lag: Lag) => void },
): Promise<{ readonly drainedInMs: number }> {
  const startMs = performance.now()
  for (;;) {
    options.signal.throwIfAborted()
    const lag = await readLag(sinkUrls)
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

async function ask(url: string, method: 'GET' | 'POST'): Promise<string> {
  let status: number
  let body: string
  try {
    const response = await fetch(url, { method, signal: AbortSignal.timeout(askTimeoutMs) })
    status = response.status
    body = await response.text()
  } catch (cause) {
    throw new SinkError(`${method} ${url} got no answer; see make status.`, { cause })
  }
  if (status >= 200 && status < 300) return body
  throw new SinkError(`${method} ${url} answered ${status}: ${body.slice(0, 200)}`)
}
