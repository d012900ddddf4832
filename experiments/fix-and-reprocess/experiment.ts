/**
 * A view of revenue is shipped with a bug in its rounding. From the log it is computed again beside the one that runs, while
 * orders come in and readers read; tables that were updated in place by the same bug have nothing to compute from. README.md
 * says how and why.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '@driftlab/stores/testing'
import { openEventSourcedLane, type EventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import {
  commandsOf,
  expectAllAccepted,
  planHistory,
  startWriting,
  type PlannedOrder,
} from '../laboratory/planned-orders.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { checks } from './checks.ts'
import { entrySchema, type Comparison, type Entry } from './history.ts'
import { openInPlaceTables, recover } from './in-place.ts'
import { exactRevenue, planning } from './plan.ts'
import { report } from './report.ts'
import { discountFromQuantity, fixedPricing, nameOf, shippedPricing, type Revenue } from './revenue.ts'
import { openRevenueViews, type RevenueViews } from './revenue-view.ts'

const laneName = 'event-sourcing-reprocess'
const schema = 'fix_and_reprocess'
const historyDays = 90
const readsAfterSwitch = 50
const readIntervalMs = 10
const goingOnDeadlineMs = 30_000

export const fixAndReprocess = defineExperiment<Entry>({
  name: 'fix-and-reprocess',
  claim:
    'A bug in a projection is undone by a replay beside the running one, exactly and while writes go on; the same bug in code that updates rows in place destroys what would be needed to undo it.',
  refutedBy:
    'A row of the replayed view that differs from the exact computation, a reader who gets no view or an older state, or tables updated in place from which every right row can still be computed.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report,
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { quick, random, record, progress } = context
  const laboratory = context.laboratory()
  progress('starting processors')
  await openSchema(laboratory)
  const lane = await openEventSourcedLane(laboratory, laneName, { processors: 2 })
  const views = await openRevenueViews(laboratory, lane, schema)

  const past = planHistory(quick ? 800 : 6_000, historyDays, new Date(), planning(random))
  progress('three months of orders', `${past.length}`)
  const shipped = await views.project('shipped', shippedPricing)
  await lane.send(commandsOf(past))
  await lane.settle()
  await shipped.caughtUp()
  const seen = await views.rows('shipped')
  record({ kind: 'seen', comparison: compare(seen, exactRevenue(past)) })

  progress('the same orders in tables that are updated in place')
  await sellInPlace(context, lane, past, seen)

  progress('a replay beside the running view')
  const writer = startWriting(lane, planning(random))
  const reader = startReading(views, record)
  const eventsBefore = await views.eventsOf('shipped')
  await eventually(async () => (await views.eventsOf('shipped')) > eventsBefore, {
    deadlineMs: goingOnDeadlineMs,
    what: 'orders go on',
  })
  const takenBefore = await views.eventsOf('shipped')
  const begunAt = Date.now()
  const fixed = await views.project('fixed', fixedPricing)
  await fixed.caughtUp()
  await views.switchTo('fixed')
  const switchedAt = Date.now()
  const events = await views.eventsOf('fixed')
  const eventsTakenByRunning = (await views.eventsOf('shipped')) - takenBefore
  await shipped.stop()

  await eventually(() => reader.readsOf('fixed') >= readsAfterSwitch, {
    deadlineMs: goingOnDeadlineMs,
    what: 'readers see the fixed view',
  })
  const present = await writer.stop()
  await lane.settle()
  await fixed.caughtUp()
  await reader.stop()
  const written = (await lane.events()).filter(
    ({ record: { timestampMs } }) => timestampMs >= begunAt && timestampMs < switchedAt,
  )
  record({
    kind: 'replayed',
    durationMs: switchedAt - begunAt,
    events,
    eventsWritten: written.length,
    eventsTakenByRunning,
  })
  record({ kind: 'ended', comparison: compare(await views.rows('fixed'), exactRevenue([...past, ...present])) })
  await expectAllAccepted(lane)
}

async function openSchema({ postgres, atEnd }: Laboratory): Promise<void> {
  const drop = () => postgres.query(`drop schema if exists ${schema} cascade`)
  await drop()
  atEnd(drop)
  await postgres.query(`create schema ${schema}`)
}

async function sellInPlace(
  context: RunContext<Entry>,
  lane: EventSourcedLane,
  orders: readonly PlannedOrder[],
  shipped: readonly Revenue[],
): Promise<void> {
  const { record, signal } = context
  const tables = await openInPlaceTables(context.laboratory().postgres, schema)
  await tables.run(orders, signal)
  const revenue = await tables.revenue()
  const lines = await tables.lines()
  const fold = await lane.fold()
  for (const { orderId, line, quantity, storedUnitCents } of lines) {
    const state = fold.state(orderId)
    const item = state.kind === 'order' ? state.order.items[line] : undefined
    if (item === undefined) throw new Error(`the log knows nothing of line ${line} of ${orderId}`)
    if (quantity < discountFromQuantity) continue
    record({ kind: 'line', name: `${orderId}/${line}`, quantity, storedUnitCents, listUnitCents: item.unitPriceCents })
  }
  record({
    kind: 'in place',
    unlikeShipped: compare(revenue, shipped).differing,
    ...recover(revenue, lines),
    exactCents: totalOf(exactRevenue(orders)),
  })
}

/** Row by row, on both sides. */
export function compare(found: readonly Revenue[], exact: readonly Revenue[]): Comparison {
  const foundBy = new Map(found.filter(isSomething).map((row) => [nameOf(row), row]))
  const exactBy = new Map(exact.filter(isSomething).map((row) => [nameOf(row), row]))
  const differing = [...new Set([...foundBy.keys(), ...exactBy.keys()])].filter((name) => {
    const [row, right] = [foundBy.get(name), exactBy.get(name)]
    return row?.netCents !== right?.netCents || row?.lines !== right?.lines
  })
  return {
    rows: exactBy.size,
    differing: differing.length,
    totalCents: totalOf(found),
    exactCents: totalOf(exact),
    examples: differing.slice(0, 10).map((name) => {
      const [day = '', sku = ''] = name.split(' ')
      return {
        ...{ day, sku },
        netCents: foundBy.get(name)?.netCents ?? null,
        exactCents: exactBy.get(name)?.netCents ?? null,
      }
    }),
  }
}

/** A day on which all was taken back is like one on which there was nothing. */
const isSomething = ({ netCents, lines }: Revenue): boolean => netCents !== 0 || lines !== 0

const totalOf = (revenue: readonly Revenue[]): number => revenue.reduce((sum, { netCents }) => sum + netCents, 0)

interface Reader {
  readsOf(version: 'shipped' | 'fixed'): number
  stop(): Promise<void>
}

function startReading(views: RevenueViews, record: (entry: Entry) => void): Reader {
  const counts = { shipped: 0, fixed: 0 }
  const stopping = new AbortController()
  const read = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const found = await views.read().catch(() => null)
      record({ kind: 'read', atMs: performance.now(), found })
      if (found !== null) counts[found.version] += 1
      await delay(readIntervalMs)
    }
  }
  const reading = read()
  reading.catch(() => undefined)
  return {
    readsOf: (version) => counts[version],
    stop: async () => {
      stopping.abort()
      await reading
    },
  }
}
