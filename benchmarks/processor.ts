/**
 * The event-sourced lane: how many commands a second one processor decides, of a backlog, from its start (process,
 * recovery and all) to the last outcome in the log; and how long a client waits for the answer to one, at a steady rate
 * (an open model, so a slow moment is measured and not waited for). Beside the rate: sending the commands alone, which
 * is one producer of the same log, and a recovery of the processor without its state.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { connectLog, type LogProducer } from '@driftlab/kafka'
import { commandVersion, encodeCommand, eventSourcedTopics, type Command } from '@driftlab/order-events'
import { createLatencyWindow } from '@driftlab/sink'
import { v7 as uuidV7 } from 'uuid'
import { eventSourcingNames } from '../infra/native/src/topology.ts'
import { peakResidentBytes } from '../infra/native/src/processes.ts'
import { atFixedTimes } from '../load-tests/pace.ts'
import type { Bench } from './bench.ts'
import type { Result } from './result.ts'

const topics = eventSourcedTopics('event-sourcing')
const group = 'order-processor-event-sourcing'
const backlogCommands = 100_000
const commandsPerSend = 2_000
const ratePerSecond = 200
const durationMs = 30_000
const warmUpMs = 15_000

const items = [
  { sku: 'engine-1', description: 'an analytical engine with all its cards', quantity: 2, unitPriceCents: 199_900 },
  { sku: 'cards-7', description: 'a hundred punched cards', quantity: 10, unitPriceCents: 250 },
]
const order = { customerId: 'c-1', customerName: 'Ada Lovelace', items, note: 'please ring twice', currency: 'EUR' }

export async function measureProcessor(bench: Bench): Promise<readonly Result[]> {
  const { lab } = bench
  bench.say('starting the event-sourced lane')
  await lab.start(eventSourcingNames)
  // Only the processor is measured: the stores would take the time that it is to show.
  await lab.stop(eventSourcingNames.filter((name) => /cache|search|warehouse/.test(name)))
  const producer = await connectLog({ brokers: bench.kafkaBrokers, clientId: 'bench' }).connectProducer()
  try {
    return [...(await measureBacklog(bench, producer)), ...(await measureAnswers(bench))]
  } finally {
    await producer.close()
    await lab.stop(eventSourcingNames)
  }
}

async function measureBacklog(bench: Bench, producer: LogProducer): Promise<readonly Result[]> {
  const { lab, opened } = bench
  await lab.stop(['order-processor'])
  const sentAt = performance.now()
  for (let sent = 0; sent < backlogCommands; sent += commandsPerSend) {
    await producer.publish(topics.commands, makeCommands(commandsPerSend).map(encodeCommand))
  }
  const sending = rateSince(sentAt)
  bench.say(`deciding ${backlogCommands} commands`)
  const startedAt = performance.now()
  await lab.start(['order-processor'])
  await decided(bench)
  const deciding = rateSince(startedAt)
  const memory = peakMib(bench, 'order-processor', await lab.status())

  bench.say('starting the processor without its state')
  await lab.stop(['order-processor'])
  await rm(join(opened.layout.dataDir, 'order-processor'), { recursive: true, force: true })
  const recoveryAt = performance.now()
  await lab.start(['order-processor'])
  // A partition is opened when its first command comes.
  await producer.publish(topics.commands, makeCommands(64).map(encodeCommand))
  await decided(bench)
  return [
    { name: 'processor.decided', value: deciding, unit: 'commands/s', target: { atLeast: 5_000 } },
    { name: 'processor.commands-sent-alone', value: sending, unit: 'commands/s', target: null },
    { name: 'processor.memory', value: memory, unit: 'MiB', target: { below: 250 } },
    {
      name: 'processor.recovery-without-state',
      value: (performance.now() - recoveryAt) / 1_000,
      unit: 's',
      target: null,
      commands: backlogCommands,
    },
  ]
}

/** Half of them place an order, the other half change one of those. */
function makeCommands(count: number): readonly Command[] {
  const made: Command[] = []
  while (made.length < count) {
    const orderId = uuidV7()
    made.push(
      {
        ...circumstances(),
        type: 'PlaceOrder',
        ...{ orderId, order, fingerprint: null, visits: [], reserved: [], repeated: false },
      },
      { ...circumstances(), type: 'ChangeOrder', orderId, patch: { status: 'paid', note: 'paid by card' } },
    )
  }
  return made
}

function circumstances() {
  return {
    version: commandVersion,
    id: uuidV7(),
    actor: 'bench',
    reason: null,
    issuedAt: new Date().toISOString(),
  } as const
}

async function decided({ admin }: Bench): Promise<void> {
  for (;;) {
    const progress = await admin.groupProgress(group, topics.commands)
    if (progress.every(({ drained }) => drained)) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function measureAnswers(bench: Bench): Promise<readonly Result[]> {
  const url = bench.url('orders-event-sourcing')
  bench.say(`warming up for ${warmUpMs / 1_000} s at ${ratePerSecond} requests/s`)
  await askSteadily(url, warmUpMs, () => undefined)
  bench.say(`measuring answers for ${durationMs / 1_000} s`)
  const latency = createLatencyWindow()
  await askSteadily(url, durationMs, (ms) => {
    latency.record(ms)
  })
  const { count, p50Ms, p99Ms } = latency.summary()
  if (count === 0) throw new Error('no request was answered')
  const settings = { requests: count, ratePerSecond }
  return [
    { name: 'processor.answer.p50', value: p50Ms ?? 0, unit: 'ms', target: null, ...settings },
    { name: 'processor.answer.p99', value: p99Ms ?? 0, unit: 'ms', target: { below: 50 }, ...settings },
  ]
}

async function askSteadily(url: string, forMs: number, onAnswer: (ms: number) => void): Promise<void> {
  const pending = new Set<Promise<void>>()
  const body = JSON.stringify(order)
  const place = async (dueMs: number): Promise<void> => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}/orders`, { method: 'POST', headers, body })
    await response.arrayBuffer()
    if (response.status !== 201) throw new Error(`an order was answered with ${response.status}`)
    onAnswer(performance.now() - dueMs)
  }
  await atFixedTimes({ ratePerSecond, forMs }, (_number, dueMs) => {
    const request = place(dueMs)
    pending.add(request)
    void request.finally(() => pending.delete(request)).catch(() => undefined)
  })
  await Promise.all(pending)
}

function rateSince(atMs: number): number {
  return (backlogCommands * 1_000) / (performance.now() - atMs)
}

function peakMib(bench: Bench, name: string, status: Awaited<ReturnType<Bench['lab']['status']>>): number {
  const pid = status.find((each) => each.name === name)?.pid
  const bytes = pid === undefined ? undefined : peakResidentBytes(pid)
  if (bytes === undefined) throw new Error(`${name} is not running, so its memory cannot be measured`)
  bench.say(`${name} took ${(bytes / 2 ** 20).toFixed(0)} MiB at most`)
  return bytes / 2 ** 20
}
