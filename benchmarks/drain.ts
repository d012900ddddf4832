/**
 * A backlog, drained by all three sinks at once: the sinks are stopped, the changes are written and published, the
 * sinks are started, and the clock runs from their start (processes and all) until each group is at the end of the log.
 *
 * Beside it, in the same run: the connector's own rate while the backlog was written, reading the log alone, and each
 * sink alone over the same backlog. For those a sink begins at the start of the log with a raised epoch, so that every
 * version is new and every write really happens.
 */
import { connectLog } from '@driftlab/kafka'
import { createNativeLab } from '../infra/native/src/index.ts'
import type { Bench, SinkName } from './bench.ts'
import { topic, writeBacklog } from './orders.ts'
import type { Result } from './result.ts'

const backlogChanges = 200_000
const residentSampleMs = 250

export async function measureDrain(bench: Bench): Promise<readonly Result[]> {
  const { lab, postgres } = bench
  await bench.drained()
  await lab.stop(bench.sinks)

  const writtenAt = performance.now()
  const changes = await writeBacklog(postgres, backlogChanges, (done) => {
    if (done % 20_000 === 0) bench.say(`backlog: ${done} of ${backlogChanges} changes written`)
  })
  await bench.published()
  const connectorPerSecond = changes / seconds(writtenAt)

  bench.say('draining into all three stores at once')
  const peaks = watchResident(bench)
  const startedAt = performance.now()
  await Promise.all([lab.start(bench.sinks), bench.drained()])
  const togetherPerSecond = changes / seconds(startedAt)
  const residentMib = await peaks.stop()

  const results: Result[] = [
    {
      name: 'drain.all-sinks-at-once',
      value: togetherPerSecond,
      unit: 'changes/s',
      target: { atLeast: 10_000 },
      changes,
    },
    { name: 'drain.connector-while-written', value: connectorPerSecond, unit: 'changes/s', target: null, changes },
    ...bench.sinks.map((sink): Result => ({
      name: `memory.${sink}`,
      value: residentMib[sink],
      unit: 'MiB',
      target: { below: 250 },
    })),
  ]
  await lab.stop(bench.sinks)
  bench.say('reading the log alone')
  results.push(await readAlone(bench))
  for (const sink of bench.sinks) {
    bench.say(`${sink} alone`)
    results.push(await drainAlone(bench, sink))
  }
  await lab.start(bench.sinks)
  return results
}

async function drainAlone(bench: Bench, sink: SinkName): Promise<Result> {
  const { layout, settings } = bench.opened
  const raised = createNativeLab({
    layout,
    settings: { ...settings, TOPIC_EPOCH: String(Number(settings.TOPIC_EPOCH) + 1) },
  })
  await bench.admin.deleteGroups([sink])
  const ranges = await bench.admin.ranges(topic)
  const records = ranges.reduce((total, { start, end }) => total + Number(end) - Number(start), 0)
  const startedAt = performance.now()
  await Promise.all([raised.start([sink]), bench.drained([sink])])
  const value = records / seconds(startedAt)
  await raised.stop([sink])
  return { name: `drain.${sink}-alone`, value, unit: 'changes/s', target: null, records }
}

async function readAlone(bench: Bench): Promise<Result> {
  let records = 0
  const ranges = await bench.admin.ranges(topic)
  const missing = new Map(
    ranges.filter(({ start, end }) => end > start).map(({ partition, end }) => [partition, Number(end)]),
  )
  const finished = Promise.withResolvers<undefined>()
  const startedAt = performance.now()
  const consumption = await connectLog({ brokers: bench.kafkaBrokers, clientId: 'bench' }).consume({
    groupId: `bench-read-${Date.now()}`,
    topics: [topic],
    fetch: { minBytes: 1, maxWaitMs: 500, maxBytesPerPartition: 1_048_576 },
    concurrency: 4,
    onBatch: ({ partition, records: batch, next }) => {
      for (const { value } of batch) {
        if (value !== null) JSON.parse(value.toString('utf8'))
      }
      records += batch.length
      if (Number(next) >= (missing.get(partition) ?? 0)) missing.delete(partition)
      if (missing.size === 0) finished.resolve(undefined)
      return Promise.resolve('processed')
    },
    onSkipped: ({ partition, next }) => {
      if (Number(next) >= (missing.get(partition) ?? 0)) missing.delete(partition)
      if (missing.size === 0) finished.resolve(undefined)
    },
    onFailure: (error) => {
      finished.reject(error instanceof Error ? error : new Error(String(error)))
    },
  })
  await finished.promise
  const value = records / seconds(startedAt)
  await consumption.stop()
  return { name: 'drain.read-and-parse-alone', value, unit: 'changes/s', target: null, records }
}

function watchResident(bench: Bench): { stop: () => Promise<Readonly<Record<SinkName, number>>> } {
  const peaks: Record<SinkName, number> = { 'cache-updater': 0, 'search-indexer': 0, 'warehouse-loader': 0 }
  const watching = new AbortController()
  const watch = (async () => {
    while (!watching.signal.aborted) {
      for (const { name, residentBytes } of await bench.lab.status()) {
        const sink = bench.sinks.find((candidate) => candidate === name)
        if (sink !== undefined) peaks[sink] = Math.max(peaks[sink], (residentBytes ?? 0) / 2 ** 20)
      }
      await new Promise((resolve) => setTimeout(resolve, residentSampleMs))
    }
  })()
  return {
    stop: async () => {
      watching.abort()
      await watch
      return peaks
    },
  }
}

function seconds(since: number): number {
  return (performance.now() - since) / 1_000
}
