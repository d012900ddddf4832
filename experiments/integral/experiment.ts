/** State is what a log adds up to: cut anywhere, folded in two steps, and compared with what others made of it. */
import type { LaneReport } from '@driftlab/auditor'
import type { ChangeEvent } from '@driftlab/change-event'
import { orderRecords, type OrderDocument } from '@driftlab/order'
import { startFold, type DomainEvent, type State } from '@driftlab/order-events'
import { changesIn, startTableFold } from '../laboratory/change-log.ts'
import { digestOf } from '../laboratory/digest.ts'
import { openEventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import { planDay, seededDice, type Dice } from '../laboratory/order-commands.ts'
import { defineExperiment, type Fact, type RunContext, type Table } from '../runner/experiment.ts'
import { captureTable } from './captured-table.ts'
import { checks } from './checks.ts'
import { cutsOf, type Folding } from './cuts.ts'
import { entriesOf, entrySchema, logs, type Entry, type EntryOf, type Original } from './history.ts'

const lane = 'event-sourcing-integral'

export const integral = defineExperiment<Entry>({
  name: 'integral',
  claim:
    'State is the integral of the log: cut anywhere, the fold of the first part and then of the rest is the fold of all, so a table can be thrown away and made anew.',
  refutedBy:
    'A cut after which folding on ends in another state than folding from the start, or an order of a table or a store that differs from what its log folds to.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report: (history) => ({ tables: [tableOf(history)], charts: [], facts: factsOf(history) }),
})

const eventFolding: Folding<DomainEvent, State> = { log: 'events', start: startFold }
const tableFolding: Folding<ChangeEvent, OrderDocument> = {
  log: 'changes',
  start: startTableFold,
}

async function run(context: RunContext<Entry>): Promise<void> {
  const { random, progress } = context
  progress('a day of orders in the log, and a table that is captured')
  const parts = [cutEvents, cutTable].map((part) => part(context, seededDice(Math.floor(random() * 2 ** 31))))
  // Nothing is taken away before both have ended.
  const outcomes = await Promise.allSettled(parts)
  const failures = outcomes.flatMap((part) => (part.status === 'rejected' ? [part.reason as unknown] : []))
  if (failures.length > 0) throw new Error(failures.map(String).join('\n'), { cause: failures[0] })
}

type Part = (context: RunContext<Entry>, dice: Dice) => Promise<void>

const cutsOfEach = (quick: boolean): number => (quick ? 40 : 250)

const cutEvents: Part = async ({ record, quick, laboratory }, dice) => {
  const opened = await openEventSourcedLane(laboratory(), lane, { processors: 2, withStores: true })
  await opened.send(planDay({ ...dice, orders: quick ? 150 : 1_000, changesMax: 8, limitedSkus: 3 }))
  await opened.settle()
  const events = await opened.events()
  const placed = events.map(({ event, record: { partition } }) => ({ partition, item: event }))
  for (const cut of cutsOf(eventFolding, placed, { ...dice, count: cutsOfEach(quick) })) record(cut)

  const told = startTableFold()
  const format = orderRecords(lane)['domain-event']
  for (const change of changesIn(await opened.records(opened.topics.orders), format)) told.add(change)
  const { states } = await opened.fold()
  const orders = [...states.values()].flatMap((state) => ('order' in state ? [state] : []))
  const folded = orders.map((state) => [state.order.id, state.kind === 'order' ? state.order : null] as const)
  for (const entry of compare('change log of the lane', new Map(folded), told.states)) record(entry)
  record(auditOf(await opened.audit()))
}

const cutTable: Part = async ({ record, quick, laboratory }, dice) => {
  const captured = await captureTable(laboratory(), {
    ...dice,
    ...(quick ? { orders: 50, changes: 400 } : { orders: 200, changes: 3_000 }),
  })
  const changes = captured.changes.map((change) => ({ partition: change.position.partition, item: change }))
  for (const cut of cutsOf(tableFolding, changes, { ...dice, count: cutsOfEach(quick) })) record(cut)
  const rebuilt = startTableFold()
  for (const change of captured.changes) rebuilt.add(change)
  const rows = captured.ids.map((id) => [id, rebuilt.states.get(id) ?? null] as const)
  for (const entry of compare('table that was captured', new Map(rows), captured.rows)) record(entry)
}

/** Every order that either side knows. */
function compare(
  original: Original,
  folded: ReadonlyMap<string, OrderDocument | null>,
  found: ReadonlyMap<string, OrderDocument>,
): readonly EntryOf<'order'>[] {
  const digest = (order: OrderDocument | null | undefined): string | null =>
    order === null || order === undefined ? null : digestOf(order)
  return [...new Set([...folded.keys(), ...found.keys()])].map((order) => ({
    ...{ kind: 'order', original, order },
    ...{ folded: digest(folded.get(order)), found: digest(found.get(order)) },
  }))
}

function auditOf({ verdict, sourceRows, stores }: LaneReport): EntryOf<'audit'> {
  const divergences: Record<string, number> = {}
  for (const store of Object.values(stores)) {
    for (const [kind, keys] of Object.entries(store.divergences)) divergences[kind] = (divergences[kind] ?? 0) + keys
  }
  return { kind: 'audit', verdict, orders: sourceRows, stores: Object.keys(stores), divergences }
}

function tableOf(history: readonly Entry[]): Table {
  return {
    title: 'Cuts',
    head: ['log', 'partition', 'records', 'cuts', 'another state'],
    rows: logs.flatMap((log) => {
      const cuts = entriesOf(history, 'cut').filter((cut) => cut.log === log)
      return [...Map.groupBy(cuts, ({ partition }) => partition)].map(([partition, own]) => [
        ...[log, partition === null ? 'all' : String(partition)],
        ...[String((own[0]?.before ?? 0) + (own[0]?.after ?? 0)), String(own.length)],
        String(own.filter(({ resumed, whole }) => resumed !== whole).length),
      ])
    }),
  }
}

function factsOf(history: readonly Entry[]): readonly Fact[] {
  const tried = [
    { strategy: 'event-sourcing', log: 'events', original: 'change log of the lane' },
    { strategy: 'cdc', log: 'changes', original: 'table that was captured' },
  ] as const
  return tried.flatMap(({ strategy, log, original }) => {
    const cuts = entriesOf(history, 'cut').filter((cut) => cut.log === log)
    const orders = entriesOf(history, 'order').filter((order) => order.original === original)
    const same = cuts.filter(({ resumed, whole }) => resumed === whole).length
    const right = orders.filter(({ folded, found }) => folded === found).length
    if (cuts.length === 0 || orders.length === 0) return []
    return [
      {
        ...{ strategy, against: 'state made anew from the log' },
        fact: `${right} of ${orders.length} orders right, ${same} of ${cuts.length} cuts end in the same state`,
      },
    ]
  })
}
