/**
 * Processors are killed and frozen while clients compete for limited goods. README.md says how and why.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { decodeCommand, limitedUnits, startFold, stockKey, Unreadable } from '@driftlab/order-events'
import { z } from 'zod'
import { openEventSourcedLane, type EventSourcedLane, type LoggedEvent } from '../laboratory/event-sourced-lane.ts'
import { closedLoop } from '../laboratory/orders-client.ts'
import type { Service } from '../laboratory/service.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { checks } from './checks.ts'
import { entriesOf, entrySchema, type Entry } from './history.ts'

const lane = 'event-sourcing-under-fire'
const skus = ['limited-lamp', 'limited-tent'] as const
const clients = 12
/** Shorter than a frozen processor stays frozen, so that another one takes over. */
const sessionTimeoutMs = 6_000
const attemptsMax = 60
const attemptTimeoutMs = 5_000

export const processorUnderFire = defineExperiment<Entry>({
  name: 'processor-under-fire',
  claim:
    'Whatever happens to the processors of an event-sourced lane, kill -9 and zombies included, no stock is oversold, ' +
    'no acknowledged order is lost, and no command leaves its events twice.',
  refutedBy:
    'One unit sold twice or reserved for nobody, one acknowledged order that is not in the log, one command with its ' +
    'events twice, a gap in the log, or a derived store that differs from it.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report: (history) => ({
    tables: [
      {
        title: 'What happened to the processors',
        head: ['what', 'times'],
        rows: [...Map.groupBy(entriesOf(history, 'fault'), ({ what }) => what)].map(([what, faults]) => [
          what,
          String(faults.length),
        ]),
      },
      {
        title: 'What clients were told',
        head: ['answer', 'requests', 'of these repeated'],
        rows: [...Map.groupBy(entriesOf(history, 'request'), ({ answer }) => answer)].map(([answer, requests]) => [
          answer,
          String(requests.length),
          String(requests.filter(({ attempts }) => attempts > 1).length),
        ]),
      },
    ],
    charts: [],
  }),
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { quick, progress, record } = context
  const laboratory = context.laboratory()
  progress('starting processors, sinks and the orders service')
  const opened = await openEventSourcedLane(laboratory, lane, {
    processors: 3,
    withStores: true,
    environment: { SESSION_TIMEOUT_MS: String(sessionTimeoutMs) },
  })
  const [orders] = await opened.startOrders(1, { ANSWER_TIMEOUT_MS: '2000' })
  if (orders === undefined) throw new Error('no orders service')
  const requests = quick ? 400 : 3_000
  for (const sku of skus) await receive(orders.url, sku, Math.floor(requests / 4))

  const done = new AbortController()
  const firing = fire(opened.processors, context, AbortSignal.any([done.signal, context.signal]))
  try {
    progress('orders compete while processors die')
    await closedLoop(
      Array.from({ length: requests }, (_, number) => number),
      clients,
      context.signal,
      async (number) => {
        record(await placeUntilDecided(orders.url, number))
      },
    )
  } finally {
    done.abort()
    await firing
  }
  progress('reading the log')
  await opened.settle()
  await recordLog(opened, record)
  progress('auditing the stores')
  const report = await opened.audit()
  record({
    kind: 'audit',
    verdict: report.verdict,
    orders: report.sourceRows,
    divergences: Object.values(report.stores).reduce((sum, { divergedKeys }) => sum + divergedKeys, 0),
  })
}

/** One after the other dies or is frozen, and comes back, until `signal`; all of them run at the end. */
async function fire(
  processors: readonly Service[],
  { quick, record, random }: RunContext<Entry>,
  signal: AbortSignal,
): Promise<void> {
  const pauseMs = quick ? 1_500 : 3_000
  let turn = 0
  const rest = (ms: number): Promise<unknown> => delay(ms, undefined, { signal }).catch(() => undefined)
  while (!signal.aborted) {
    const processor = processors[turn % processors.length]
    if (processor === undefined) throw new Error('there is no processor')
    turn += 1
    const tell = (what: Extract<Entry, { kind: 'fault' }>['what']): void => {
      record({ kind: 'fault', processor: processor.name, what })
    }
    await rest(random() * pauseMs)
    if (turn % 4 === 0) {
      processor.pause()
      tell('frozen')
      await rest(sessionTimeoutMs * 1.5)
      processor.resume()
      tell('thawed')
    } else {
      await processor.kill()
      tell('kill -9')
      await rest(random() * pauseMs)
      await processor.start()
      tell('started')
    }
  }
}

async function receive(baseUrl: string, sku: string, quantity: number): Promise<void> {
  const response = await fetch(`${baseUrl}/stock/${sku}/receipts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ quantity }),
  })
  if (!response.ok) throw new Error(`no stock was received: ${response.status} ${await response.text()}`)
}

const placed = z.object({ id: z.uuid() })

/** Asks again under the same key for as long as nobody has decided, as a client should. */
async function placeUntilDecided(baseUrl: string, number: number): Promise<Extract<Entry, { kind: 'request' }>> {
  const [lamp, tent] = skus
  // Every third order wants both, so that some get only one of them, and have to give it back.
  const wanted = number % 3 === 0 ? [lamp, tent] : [number % 3 === 1 ? lamp : tent]
  const body = JSON.stringify({
    customerId: `c-${number}`,
    customerName: 'Zoë',
    currency: 'EUR',
    items: wanted.map((sku) => ({ sku, description: '', quantity: 1, unitPriceCents: 100 })),
  })
  for (let attempts = 1; attempts <= attemptsMax; attempts += 1) {
    try {
      const response = await fetch(`${baseUrl}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': `${lane}-${number}` },
        body,
        signal: AbortSignal.timeout(attemptTimeoutMs),
      })
      const text = await response.text()
      if (response.status === 201) {
        return { kind: 'request', orderId: placed.parse(JSON.parse(text)).id, answer: 'placed', attempts }
      }
      if (response.status === 409) return { kind: 'request', orderId: null, answer: 'refused', attempts }
      if (response.status !== 202 && response.status !== 503) {
        throw new Error(`an order was answered with ${response.status}: ${text}`)
      }
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
    }
  }
  return { kind: 'request', orderId: null, answer: 'undecided', attempts: attemptsMax }
}

async function recordLog(opened: EventSourcedLane, record: (entry: Entry) => void): Promise<void> {
  const logged = await opened.events()
  const outcomes = await opened.outcomes()
  let commands = 0
  await opened.admin.readAll(opened.topics.commands, ({ key, value }) => {
    decodeCommand(key, value)
    commands += 1
  })
  record({
    kind: 'log',
    commands,
    outcomes: outcomes.length,
    events: logged.length,
    doubledCommands: doubledIn(logged),
    broken: whyBroken(logged),
  })
  const byKey = Map.groupBy(logged, ({ event }) => event.key)
  const sold = new Map<string, number>()
  for (const [key, events] of byKey) {
    const placings = events.flatMap(({ event }) => (event.type === 'OrderPlaced' ? [event] : []))
    const [first] = placings
    if (first === undefined) continue
    const cancelled = events.some(({ event }) => event.type === 'OrderCancelled')
    record({ kind: 'order', orderId: key, placedTimes: placings.length, cancelled })
    if (cancelled) continue
    for (const { sku, quantity } of limitedUnits(first.items)) sold.set(sku, (sold.get(sku) ?? 0) + quantity)
  }
  for (const sku of skus) {
    const units = { StockReceived: 0, StockReserved: 0, StockReleased: 0 }
    for (const { event } of byKey.get(stockKey(sku)) ?? []) {
      if ('quantity' in event) units[event.type] += event.quantity
    }
    record({
      kind: 'stock',
      sku,
      receivedUnits: units.StockReceived,
      reservedUnits: units.StockReserved - units.StockReleased,
      soldUnits: sold.get(sku) ?? 0,
    })
  }
}

/** Every command of this experiment leaves one event under a key, or none. */
function doubledIn(logged: readonly LoggedEvent[]): string[] {
  const seen = new Set<string>()
  const doubled = new Set<string>()
  for (const { event } of logged) {
    const name = `${event.commandId}@${event.key}`
    if (seen.has(name)) doubled.add(name)
    seen.add(name)
  }
  return [...doubled]
}

function whyBroken(logged: readonly LoggedEvent[]): string | null {
  const fold = startFold()
  try {
    for (const { event } of logged) fold.add(event)
    return null
  } catch (error) {
    if (error instanceof Unreadable) return error.message
    throw error
  }
}
