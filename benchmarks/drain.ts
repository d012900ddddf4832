/**
 * A backlog, drained by all three sinks at once: the sinks are stopped, the changes are written and published, the
 * sinks are started, and the clock runs from their start (processes and all) until each group is at the end of the log.
 * Twice: the first backlog meets JVMs that have not compiled their hot code yet, and is reported as such.
 *
 * Beside it, in the same run: the connector's own rate while the backlog was written, reading the log alone, and each
 * sink alone over the same backlog. For those a sink begins at the start of the log with a raised epoch, so that every
 * version is new and every write really happens.
 */
import { connectLog } from '@driftlab/kafka'
import { createNativeLab } from '../infra/native/src/index.ts'
import { peakResidentBytes } from '../infra/native/src/processes.ts'
import { measureProcessor, type Bench, type SinkName } from './bench.ts'
import { topic, writeBacklog } from './orders.ts'
import type { Result } from './result.ts'

const backlogChanges = 200_000

export async function measureDrain(bench: Bench): Promise<readonly Result[]> {
  await bench.drained()
  await bench.lab.stop(bench.sinks)
  const first = await drainTogether(bench)
  const second = await drainTogether(bench)

  const results: Result[] = [
    { ...second.rate, name: 'drain.all-sinks-at-once', target: { atLeast: 10_000 } },
    { ...first.rate, name: 'drain.first-backlog', target: null },
    { ...second.connectorRate, name: 'drain.connector-while-written', target: null },
    ...bench.sinks.map((sink): Result => ({
      name: `memory.${sink}`,
      value: Math.max(first.peaksMib[sink], second.peaksMib[sink]),
      unit: 'MiB',
      target: { below: 250 },
    })),
    ...[...second.processorMs].map(([name, ms]): Result => ({
      name: `drain.processor.${name}`,
      value: (ms * 1_000) / backlogChanges,
      unit: 'µs per change',
      target: null,
    })),
  ]
  bench.say('reading the log alone')
  results.push(await readAlone(bench))
  for (const sink of bench.sinks) {
    bench.say(`${sink} alone`)
    results.push(await drainAlone(bench, sink))
  }
  await bench.lab.start(bench.sinks)
  return results
}

interface Drain {
  readonly rate: Rate
  readonly connectorRate: Rate
  readonly peaksMib: Readonly<Record<SinkName, number>>
  readonly processorMs: ReadonlyMap<string, number>
}

interface Rate {
  readonly value: number
  readonly unit: 'changes/s'
  readonly changes: number
}

/** Writes a backlog while the sinks are stopped, and lets all of them apply it; they are stopped again afterwards. */
async function drainTogether(bench: Bench): Promise<Drain> {
  const { lab, postgres } = bench
  const writtenAt = performance.now()
  const changes = await writeBacklog(postgres, backlogChanges, (done) => {
    if (done % 50_000 === 0) bench.say(`backlog: ${done} of ${backlogChanges} changes written`)
  })
  await bench.published()
  const connectorRate = rateOf(changes, writtenAt)

  bench.say('draining into all three stores at once')
  const usedSince = await measureProcessor(lab)
  const startedAt = performance.now()
  await Promise.all([lab.start(bench.sinks), bench.drained()])
  const rate = rateOf(changes, startedAt)
  const processorMs = await usedSince()
  const peaksMib = await peaksMibOf(bench)
  await lab.stop(bench.sinks)
  return { rate, connectorRate, peaksMib, processorMs }
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
  const rate = rateOf(records, startedAt)
  await raised.stop([sink])
  return { ...rate, name: `drain.${sink}-alone`, target: null }
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
  const rate = rateOf(records, startedAt)
  await consumption.stop()
  return { ...rate, name: 'drain.read-and-parse-alone', target: null }
}

/** Not by sampling: adding up the memory of the whole stack four times a second would take a tenth of a core. */
async function peaksMibOf({ lab, sinks }: Bench): Promise<Readonly<Record<SinkName, number>>> {
  const peaks: Record<SinkName, number> = { 'cache-updater': 0, 'search-indexer': 0, 'warehouse-loader': 0 }
  const processes = await lab.status()
  for (const sink of sinks) {
    const pid = processes.find(({ name }) => name === sink)?.pid
    const bytes = pid === undefined ? undefined : peakResidentBytes(pid)
    if (bytes === undefined) throw new Error(`${sink} is not running, so its memory cannot be measured`)
    peaks[sink] = bytes / 2 ** 20
  }
  return peaks
}

function rateOf(changes: number, sinceMs: number): Rate {
  return { value: (changes * 1_000) / (performance.now() - sinceMs), unit: 'changes/s', changes }
}
