/** A command may be refused and an event may not: many orders for few goods, and consumers that know better. */
import { decodeOutcome, limitedUnits, stockKey, type DomainEvent, type State } from '@driftlab/order-events'
import { openEventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import type { Service } from '../laboratory/service.ts'
import { defineExperiment, type Fact, type RunContext, type Table } from '../runner/experiment.ts'
import { checks, disagreementOf, stocksOf } from './checks.ts'
import { viewOf } from './consumers.ts'
import { consumers, entrySchema, type Entry, type EntryOf } from './history.ts'
import { planRush } from './rush.ts'

const lane = 'event-sourcing-rush'
const metricsTimeoutMs = 10_000
const skus = ['limited-lamp', 'limited-chair', 'limited-table']

export const commandsAndEvents = defineExperiment<Entry>({
  name: 'commands-and-events',
  claim:
    'What a rule forbids is refused as a command and leaves no event, so that never more is reserved than was received, whoever competes and however often a command comes; a consumer that rejects an event instead ends up unlike the others.',
  refutedBy:
    'An event of a command that was refused, a moment with more reserved than received, a repeat with an effect of its own, or a consumer that rejects events and ends like those that take them.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report: (history) => ({ tables: tablesOf(history), charts: [], facts: factsOf(history) }),
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { record, quick, random, progress } = context
  const ordersEach = quick ? 300 : 1_000
  progress('a rush on limited goods', `${ordersEach} orders for each of ${skus.length}`)
  const opened = await openEventSourcedLane(context.laboratory(), lane, { processors: 2 })
  for (const wave of planRush({ random, skus, ordersEach })) {
    await opened.send(wave)
    await opened.settle()
  }

  progress('reading what became of it')
  for (const { partition, offset, value } of await opened.records(opened.topics.outcomes)) {
    const { commandId, key, repeated, result } = decodeOutcome(value)
    record({
      ...{ kind: 'outcome', partition, offset, commandId: commandId ?? '', key: key ?? '', repeated },
      ...{ status: result.status, refusal: result.status === 'refused' ? result.refusal.code : null },
    })
  }
  const events = await opened.events()
  for (const { event, record: at } of events) {
    const { key, type, commandId } = event
    const { partition, offset } = at
    record({ kind: 'event', partition, offset, key, type, commandId, units: unitsOf(event) })
  }
  for (const held of heldIn((await opened.fold()).states)) record(held)
  for (const processor of opened.processors) {
    record({ kind: 'processor', name: processor.name, events: await eventsDecidedBy(processor) })
  }
  for (const consumer of consumers) {
    for (const view of viewOf(
      consumer,
      events.map(({ event }) => event),
    ))
      record(view)
  }
}

function unitsOf(event: DomainEvent): EntryOf<'event'>['units'] {
  switch (event.type) {
    case 'StockReceived':
      return { received: event.quantity, reserved: 0 }
    case 'StockReserved':
      return { received: 0, reserved: event.quantity }
    case 'StockReleased':
      return { received: 0, reserved: -event.quantity }
    case 'OrderPlaced':
    case 'ItemAdded':
    case 'ItemRemoved':
    case 'NoteChanged':
    case 'CustomerNameCorrected':
    case 'OrderPaid':
    case 'OrderShipped':
    case 'OrderDelivered':
    case 'OrderCancelled':
    case 'OrderRemoved':
      return null
  }
}

/** What was cancelled or removed in time is on the shelf again. No order of this experiment is shipped. */
function* heldIn(states: ReadonlyMap<string, State>): Generator<EntryOf<'held'>> {
  for (const state of states.values()) {
    if (state.kind !== 'order' || state.order.status === 'cancelled') continue
    for (const { sku, quantity } of limitedUnits(state.order.items)) {
      yield { kind: 'held', order: state.order.id, key: stockKey(sku), units: quantity }
    }
  }
}

async function eventsDecidedBy({ name, url }: Service): Promise<number> {
  const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(metricsTimeoutMs) })).text()
  const found = /^order_processor_events_total\S* (\d+)/m.exec(text)
  if (found === null) throw new Error(`${name} does not say how many events it has recorded`)
  return Number(found[1])
}

function tablesOf(history: readonly Entry[]): readonly Table[] {
  return [
    {
      title: 'The goods',
      head: ['stock', 'received', 'reserved in the end', 'least left', 'events', 'orders too late'],
      rows: stocksOf(history).map(({ key, received, reserved, leastLeft, events, short }) => [
        ...[key, String(received), String(reserved), String(leastLeft), String(events), String(short)],
      ]),
    },
    {
      title: 'Consumers of the same events, against one that takes all',
      head: ['consumer', 'events rejected', 'keys that differ', 'of'],
      rows: consumers.slice(1).map((consumer) => {
        const { keys, differing, rejected } = disagreementOf(history, consumer)
        return [consumer, String(rejected), String(differing.length), String(keys)]
      }),
    },
  ]
}

function factsOf(history: readonly Entry[]): readonly Fact[] {
  const stocks = stocksOf(history)
  if (stocks.length === 0) return []
  const least = Math.min(...stocks.map(({ leastLeft }) => leastLeft))
  const short = stocks.reduce((sum, stock) => sum + stock.short, 0)
  return [
    {
      ...{ strategy: 'event-sourcing', against: 'many orders for few goods' },
      fact: `never fewer than ${least} left; ${short} orders came too late and left no event`,
    },
  ]
}
