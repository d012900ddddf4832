/** Somebody lets Kafka compact the events, as it compacts the change log: what is left of the orders. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogRecord } from '@driftlab/kafka'
import { orderRecords } from '@driftlab/order'
import type { Command, DomainEvent } from '@driftlab/order-events'
import { eventually } from '@driftlab/stores/testing'
import { changesIn, startTableFold } from '../laboratory/change-log.ts'
import { openEventSourcedLane, type EventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { commandMaker, planDay, type CommandMaker } from '../laboratory/order-commands.ts'
import { defineExperiment, type Fact, type RunContext, type Table } from '../runner/experiment.ts'
import { checks, hasLost } from './checks.ts'
import { entriesOf, entrySchema, type Entry, type EntryOf } from './history.ts'
import { judgeKey } from './left-over.ts'

const lane = 'event-sourcing-compacted'
const rowFormat = orderRecords(lane)['domain-event']

/** As eager as a topic can be. What is still written into, a segment at a time, the cleaner leaves alone. */
const compacted = {
  'cleanup.policy': 'compact',
  'segment.ms': '500',
  'min.cleanable.dirty.ratio': '0.01',
  'min.compaction.lag.ms': '0',
}
/** The cleaner looks every fifteen seconds. */
const compactionDeadlineMs = 120_000
const endDeadlineMs = 60_000
/** Orders that are written on, so that segments end: enough that each partition has some. */
const otherOrders = 40

export const compactionBreaksEventLogs = defineExperiment<Entry>({
  name: 'compaction-breaks-event-logs',
  claim:
    'Events that are compacted by key cannot be added up any more: every order with more than one is lost or wrong; a change log that is compacted in the same way loses nothing.',
  refutedBy:
    'An order whose events were compacted and that still folds, a reader of what is left that has every order right, or an order that is wrong in the compacted change log.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report: (history) => ({ tables: [tableOf(history)], charts: [], facts: factsOf(history) }),
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { record, quick, random, progress } = context
  const laboratory = context.laboratory()
  progress('a day of orders, decided in the log')
  const opened = await openEventSourcedLane(laboratory, lane, { processors: 1 })
  await opened.send(planDay({ random, orders: quick ? 100 : 1_000, changesMax: 5, limitedSkus: 2 }))
  await opened.settle()
  const before = await readBoth(opened)
  const keys = new Set(before.events.map(({ key }) => key))

  progress('somebody has both topics compacted')
  await opened.admin.setTopicConfig(opened.topics.events, compacted)
  await opened.admin.setTopicConfig(opened.topics.orders, compacted)
  const writeOn = othersOf(commandMaker({ random }))
  await opened.send(writeOn.place)
  const after = await eventually(
    async () => {
      await opened.send(writeOn.change())
      await opened.settle()
      const found = await readBoth(opened)
      return isCompacted(found, keys) && found
    },
    { deadlineMs: compactionDeadlineMs, intervalMs: 1_000, what: 'both topics are compacted' },
  )
  recordTopics(record, keys, before, after)
  const eventsBefore = Map.groupBy(before.events, ({ key }) => key)
  const eventsAfter = Map.groupBy(after.events, ({ key }) => key)
  const told = startTableFold()
  for (const change of changesIn(after.rows, rowFormat)) told.add(change)
  for (const [key, events] of eventsBefore) {
    record(judgeKey(key, { events, left: eventsAfter.get(key) ?? [], told: told.states.get(key) }))
  }

  progress('processors start anew')
  record(await restartWithState(opened, writeOn.change()))
  record(await startWithoutState(laboratory, opened, writeOn.change()))
}

interface Both {
  readonly events: readonly DomainEvent[]
  /** Tombstones too. */
  readonly rows: readonly LogRecord[]
}

async function readBoth(opened: EventSourcedLane): Promise<Both> {
  const events = (await opened.events()).map(({ event }) => event)
  return { events, rows: await opened.records(opened.topics.orders) }
}

/** Of each of these keys there is one record left, which is as far as compaction goes. */
function isCompacted({ events, rows }: Both, keys: ReadonlySet<string>): boolean {
  const isOnce = (found: readonly string[]): boolean => {
    const own = found.filter((key) => keys.has(key))
    return new Set(own).size === own.length
  }
  return isOnce(events.map(({ key }) => key)) && isOnce(rows.map(({ key }) => String(key)))
}

function recordTopics(record: RunContext<Entry>['record'], keys: ReadonlySet<string>, before: Both, after: Both): void {
  const eventsOf = ({ events }: Both): number => events.filter(({ key }) => keys.has(key)).length
  const rowsOf = ({ rows }: Both): number => rows.filter(({ key }) => keys.has(String(key))).length
  record({ kind: 'topic', topic: 'events', before: eventsOf(before), after: eventsOf(after) })
  record({ kind: 'topic', topic: 'change log', before: rowsOf(before), after: rowsOf(after) })
}

function othersOf(maker: CommandMaker): { readonly place: readonly Command[]; readonly change: () => Command[] } {
  const place = Array.from({ length: otherOrders }, () => maker.place())
  let turn = 0
  return {
    place,
    change: () => {
      turn += 1
      return place.map(({ orderId }) => maker.change(orderId, { note: `turn ${turn}` }))
    },
  }
}

async function restartWithState(opened: EventSourcedLane, commands: readonly Command[]): Promise<EntryOf<'processor'>> {
  const [processor] = opened.processors
  if (processor === undefined) throw new Error('the lane has no processor')
  await processor.stop()
  await opened.send(commands)
  await processor.start()
  await opened.settle()
  await processor.stop()
  return { kind: 'processor', state: 'kept', decides: true, says: '' }
}

async function startWithoutState(
  laboratory: Laboratory,
  opened: EventSourcedLane,
  commands: readonly Command[],
): Promise<EntryOf<'processor'>> {
  const name = `order-processor-${lane}-new`
  const processor = await opened.startProcessor(name)
  await opened.send(commands)
  // It has decided them, or it is no more.
  const decides = await eventually(
    async () => {
      if (!processor.isAlive()) return 'ended'
      return (await opened.isSettled()) && 'decides'
    },
    { deadlineMs: endDeadlineMs, what: `${name} decides or ends` },
  )
  const words = await readFile(join(laboratory.logsDir, `${name}.log`), 'utf8')
  const found = /driftlab[^"]*order-events\/\d+@\d+[^"]*/.exec(words)
  return { kind: 'processor', state: 'lost', decides: decides === 'decides', says: found?.[0].slice(0, 300) ?? '' }
}

const shown = 12

function tableOf(history: readonly Entry[]): Table {
  const keys = entriesOf(history, 'key')
  return {
    title: `Order by order, the first ${shown} of ${keys.length}`,
    head: ['key', 'events', 'left', 'who follows the chain', 'who does not takes it for', 'in the change log'],
    rows: keys
      .slice(0, shown)
      .map((found) => [
        ...[found.of === 'order' ? found.key.slice(0, 8) : found.key, found.events.join(', '), found.left.join(', ')],
        found.refusedFor ?? 'reads it',
        `${found.takenFor}${found.state === found.added ? '' : ', wrongly'}`,
        found.of === 'stock' ? '–' : found.row === found.told ? 'right' : 'wrong',
      ]),
  }
}

function factsOf(history: readonly Entry[]): readonly Fact[] {
  const keys = entriesOf(history, 'key')
  const orders = keys.filter(({ of }) => of === 'order')
  if (orders.length === 0) return []
  const against = 'its log compacted by key'
  const lost = keys.filter(hasLost).length
  const right = orders.filter(({ row, told }) => row === told).length
  return [
    { strategy: 'event-sourcing', against, fact: `${lost} of ${keys.length} keys lost` },
    { strategy: 'event-sourcing, its change log', against, fact: `${right} of ${orders.length} orders right` },
  ]
}
