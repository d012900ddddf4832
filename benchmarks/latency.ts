/**
 * Commit to visible at a steady rate: one-row transactions at fixed times (an open model, so a slow moment is measured
 * and not waited for), against the latency windows of the sinks. Then, for as long again, the log alone: one more
 * consumer, which writes to no store, so that what a sink and its store add can be read off. It comes second, because
 * it takes processor time from the others.
 */
import { createLatencyWindow } from '@driftlab/sink'
import { decode } from '@driftlab/change-event'
import { connectLog } from '@driftlab/kafka'
import type { Bench } from './bench.ts'
import { topic, writeSteadily } from './orders.ts'
import type { Result } from './result.ts'

const ratePerSecond = 500
const durationMs = 30_000
const catchUpMs = 10_000
/** The JVMs of the log compile their hot code during the first minute; before that the slowest hundredth waits for them. */
const warmUpMs = 60_000

interface LatencyAnswer {
  readonly count: number
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
}

export async function measureLatency(bench: Bench): Promise<readonly Result[]> {
  bench.say(`warming up for ${warmUpMs / 1_000} s at ${ratePerSecond} changes/s`)
  await writeSteadily(bench.postgres, warmUpMs, ratePerSecond)

  for (const sink of bench.sinks) await fetch(`${bench.url(sink)}/latency/reset`, { method: 'POST' })
  bench.say(`measuring the sinks for ${durationMs / 1_000} s at ${ratePerSecond} changes/s`)
  const lateMaxMs = await writeSteadily(bench.postgres, durationMs, ratePerSecond)
  await bench.drained()
  const results: Result[] = []
  for (const sink of bench.sinks) {
    const answer = (await (await fetch(`${bench.url(sink)}/latency`)).json()) as LatencyAnswer
    results.push(...resultsOf(`latency.${sink}`, answer, sink === 'cache-updater' ? { p50: 15, p99: 50 } : {}))
  }

  bench.say(`measuring the log alone for ${durationMs / 1_000} s`)
  results.push(...resultsOf('latency.log-alone', await measureLogAlone(bench), {}))
  results.push({ name: 'latency.writer-late-max', value: lateMaxMs, unit: 'ms', target: null })
  return results
}

async function measureLogAlone(bench: Bench): Promise<LatencyAnswer> {
  const alone = createLatencyWindow()
  const consumption = await connectLog({ brokers: bench.kafkaBrokers, clientId: 'bench' }).consume({
    groupId: `bench-${Date.now()}`,
    topics: [topic],
    fetch: { minBytes: 1, maxWaitMs: 500, maxBytesPerPartition: 1_048_576 },
    concurrency: 4,
    onBatch: (batch) => {
      const nowMs = performance.timeOrigin + performance.now()
      for (const record of batch.records) {
        const decoded = decode(record, { format: 'debezium', epoch: 0, table: { schema: 'cdc', name: 'orders' } })
        if (decoded.type === 'change') alone.record(nowMs - decoded.change.source.committedAtMs)
      }
      return Promise.resolve('processed')
    },
    onFailure: bench.fail,
  })
  // What was written before is read, and not counted.
  await writeSteadily(bench.postgres, catchUpMs, ratePerSecond)
  alone.reset()
  await writeSteadily(bench.postgres, durationMs, ratePerSecond)
  await bench.drained()
  await consumption.stop()
  return alone.summary()
}

function resultsOf(
  name: string,
  latency: LatencyAnswer,
  targets: { readonly p50?: number; readonly p99?: number },
): readonly Result[] {
  if (latency.count === 0) throw new Error(`${name}: nothing was measured`)
  const settings = { changes: latency.count, ratePerSecond }
  return [
    { name: `${name}.p50`, value: latency.p50Ms ?? 0, unit: 'ms', target: under(targets.p50), ...settings },
    { name: `${name}.p99`, value: latency.p99Ms ?? 0, unit: 'ms', target: under(targets.p99), ...settings },
    { name: `${name}.max`, value: latency.maxMs ?? 0, unit: 'ms', target: null, ...settings },
  ]
}

function under(limit: number | undefined): Result['target'] {
  return limit === undefined ? null : { below: limit }
}
