/** How often dual writes drift when nothing fails: by concurrency, instances, skew, and with the usual repairs. */
import type { LaneReport } from '@driftlab/auditor'
import { z } from 'zod'
import {
  derivedStores as storeNames,
  type DerivedStoreName as StoreName,
} from '../../services/orders/src/derived-stores/derived-store.ts'
import { IN_FLIGHT_MAX_MS } from '../../services/orders/src/strategies/dual-write.ts'
import { allOf } from '../laboratory/all-of.ts'
import { auditCdcLane, auditLane, openLane } from '../laboratory/lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { closedLoop, outcomes, placeOrder, updateNote } from '../laboratory/orders-client.ts'
import { startOrders } from '../laboratory/orders-service.ts'
import { defineExperiment, type Check, type Finding, type RunContext } from '../runner/experiment.ts'
import { scale, wilson, type Interval } from '../runner/statistics.ts'
import { cellsOf, sequenceOf, strategies, updatesPerOrder, type Cell, type Strategy } from './cells.ts'

/** One order at rest. */
const entrySchema = z.object({
  strategy: z.enum(strategies),
  instances: z.int(),
  concurrency: z.int(),
  hotOrders: z.int(),
  order: z.uuid(),
  /** Of its updates, in the order in which they ended. */
  outcomes: z.array(z.enum(outcomes)),
  /** Stores that differ from the system of record; null when the audit could not tell. */
  divergent: z.array(z.enum(storeNames)).nullable(),
})
export type Entry = z.output<typeof entrySchema>

interface DrivenCell extends Cell {
  /** By order. */
  readonly outcomes: ReadonlyMap<string, Entry['outcomes']>
}

const claim =
  'Without any failure, dual writes leave copies that differ for ever as soon as two clients change the same order at ' +
  'the same time, and never with one client alone; writing in parallel or with the clock as version does not end it, ' +
  'holding the lock does, and change data capture has none of it.'

export const dualWriteRace = defineExperiment<Entry>({
  name: 'dual-write-race',
  claim,
  refutedBy:
    'A divergent order with one client, with the lock held or with change data capture; or none with many clients.',
  needs: 'laboratory',
  entry: entrySchema,
  run: async (context) => {
    const laboratory = context.laboratory()
    context.progress('starting services')
    const cells = cellsOf(context.quick)
    const opened = await allOf(
      strategies.flatMap((strategy) => {
        const own = cells.filter((cell) => cell.strategy === strategy)
        return own.length === 0 ? [] : [openStrategy(laboratory, strategy, own)]
      }),
    )
    // One after the other, so that each has the machine to itself.
    const driven: { readonly cells: readonly DrivenCell[]; readonly audit: OpenStrategy['audit'] }[] = []
    for (const { cells: own, baseUrls, audit } of opened) {
      const done: DrivenCell[] = []
      for (const cell of own) done.push(await drive(cell, baseUrls.slice(0, cell.instances), context))
      driven.push({ cells: done, audit })
    }
    context.progress('auditing')
    // Side by side: an audit of dual writes waits until none can be in flight any more, and does little else.
    const audited = await allOf(driven.map(async ({ cells: done, audit }) => ({ done, report: await audit() })))
    for (const { done, report } of audited) for (const cell of done) recordCell(cell, report, context.record)
  },
  checks: [
    {
      statement: 'with one client alone, no copy diverges',
      check: (history) =>
        neverIn(history, ({ strategy, concurrency }) => strategy === 'dual-write' && concurrency === 1),
    },
    diverges('with 16 clients, copies diverge', 'dual-write'),
    { ...diverges('and that in every store', 'dual-write', storeNames), onlyInFull: 'it takes long' },
    diverges('writing the stores in parallel does not end it', 'dual-write-parallel'),
    { ...diverges('the clock as version does not end it', 'dual-write-last-writer-wins'), onlyInFull: 'it takes long' },
    {
      statement: 'holding the lock until every store has acknowledged does',
      check: (history) => neverIn(history, ({ strategy }) => strategy === 'dual-write-in-transaction'),
    },
    {
      statement: 'change data capture has none of it',
      check: (history) => neverIn(history, ({ strategy }) => strategy === 'cdc'),
    },
  ],
  report: (history) => {
    const groups = groupsOf(history)
    const usual = groups.filter(({ cell }) => cell.concurrency === 16 && cell.instances === 2 && cell.hotOrders === 4)
    return {
      facts: usual.flatMap(({ cell, entries }) => {
        const rate = rateOf(entries, undefined)
        if (rate === undefined) return []
        const fact = rate.estimate === 0 ? 'none wrong' : `${rate.estimate.toFixed(0)} wrong per 10,000`
        return [{ strategy: cell.strategy, against: 'two writers of one order', fact }]
      }),
      tables: [
        {
          title: 'Orders that differ for ever, per 10,000 updates (95 % interval)',
          head: ['strategy', 'instances', 'clients', 'hot orders', 'orders', 'left out', 'any store', ...storeNames],
          rows: groups.map(({ cell, entries }) => [
            cell.strategy,
            String(cell.instances),
            String(cell.concurrency),
            String(cell.hotOrders),
            String(entries.length),
            String(entries.length - judgeable(entries).length),
            ...[undefined, ...storeNames].map((store) => describeRate(rateOf(entries, store))),
          ]),
        },
      ],
      charts: [
        {
          title: 'Dual writes, two instances, four hot orders',
          kind: 'line',
          x: 'clients',
          y: 'divergent orders per 10,000 updates',
          series: [undefined, ...storeNames].map((store) => ({
            name: store ?? 'any store',
            points: groups
              .filter(({ cell }) => cell.strategy === 'dual-write' && cell.instances === 2 && cell.hotOrders === 4)
              .flatMap(({ cell, entries }) => {
                const rate = rateOf(entries, store)
                return rate === undefined
                  ? []
                  : [{ x: cell.concurrency, y: rate.estimate, low: rate.low, high: rate.high }]
              }),
          })),
        },
      ],
    }
  },
})

interface OpenStrategy {
  readonly cells: readonly Cell[]
  readonly baseUrls: readonly string[]
  readonly audit: () => Promise<LaneReport>
}

async function openStrategy(laboratory: Laboratory, strategy: Strategy, cells: readonly Cell[]): Promise<OpenStrategy> {
  if (strategy === 'cdc') {
    return {
      cells,
      baseUrls: [laboratory.lab.address('orders-cdc-1').url, laboratory.lab.address('orders-cdc-2').url],
      audit: () => auditCdcLane(laboratory),
    }
  }
  const lane = `${strategy}-race`
  const kind = strategy === 'dual-write-last-writer-wins' ? 'cdc' : 'dual-write'
  await openLane(laboratory, { name: lane, kind })
  const instances = Math.max(...cells.map((cell) => cell.instances))
  const services = await startOrders(laboratory, { lane, strategy, instances })
  return {
    cells,
    baseUrls: services.map(({ url }) => url),
    audit: () => auditLane(laboratory, lane, { kind: 'bounded', inFlightMaxMs: IN_FLIGHT_MAX_MS }),
  }
}

/** Places the cell's orders, waits for each, and then lets the clients loose on them. */
async function drive(cell: Cell, baseUrls: readonly string[], context: RunContext<Entry>): Promise<DrivenCell> {
  const { signal, random, progress } = context
  const step = `${cell.strategy}, ${cell.concurrency} clients, ${cell.instances} instances, ${cell.hotOrders} hot orders`
  const baseUrlOf = (client: number): string => baseUrls[client % baseUrls.length] ?? ''
  const placed: string[] = []
  await closedLoop(Array.from({ length: cell.orders }), 4, signal, async (_, client) => {
    placed.push(await placeOrder({ baseUrl: baseUrlOf(client) }))
  })
  const outcomesOf = new Map(placed.map((order): [string, Entry['outcomes']] => [order, []]))
  const sequence = sequenceOf(placed, cell.hotOrders, random)
  let done = 0
  await closedLoop(sequence, cell.concurrency, signal, async (order, client) => {
    const outcome = await updateNote({ baseUrl: baseUrlOf(client) }, order, `${client}-${done}`)
    outcomesOf.get(order)?.push(outcome)
    done += 1
    if (done % 20 === 0) progress(step, `${done} of ${sequence.length} updates`)
  })
  return { ...cell, outcomes: outcomesOf }
}

function recordCell(cell: DrivenCell, report: LaneReport, record: RunContext<Entry>['record']): void {
  const examples = new Map(report.examples.map((example) => [example.key, example]))
  const trusted = report.verdict !== 'unknown'
  for (const [order, outcomesOfOrder] of cell.outcomes) {
    const stores = examples.get(order)?.stores ?? {}
    record({
      strategy: cell.strategy,
      instances: cell.instances,
      concurrency: cell.concurrency,
      hotOrders: cell.hotOrders,
      order,
      outcomes: outcomesOfOrder,
      divergent: trusted
        ? storeNames.filter((name) => stores[name] !== undefined && stores[name].status !== 'same')
        : null,
    })
  }
}

/** Orders all of whose updates were acknowledged: one that failed would be another experiment's affair. */
function judgeable(entries: readonly Entry[]): readonly (Entry & { readonly divergent: readonly StoreName[] })[] {
  return entries.flatMap((entry) =>
    entry.divergent !== null &&
    entry.outcomes.length === updatesPerOrder &&
    entry.outcomes.every((outcome) => outcome === 'ok')
      ? [{ ...entry, divergent: entry.divergent }]
      : [],
  )
}

function countDivergent(entries: readonly Entry[], store: StoreName | undefined): number {
  return judgeable(entries).filter(({ divergent }) =>
    store === undefined ? divergent.length > 0 : divergent.includes(store),
  ).length
}

/** Per 10,000 updates. The orders are the trials: what happens to one says nothing of another. */
function rateOf(entries: readonly Entry[], store: StoreName | undefined): Interval | undefined {
  const trials = judgeable(entries).length
  return trials === 0 ? undefined : scale(wilson(countDivergent(entries, store), trials), 10_000 / updatesPerOrder)
}

function describeRate(rate: Interval | undefined): string {
  if (rate === undefined) return 'nothing seen'
  return `${rate.estimate.toFixed(0)} (${rate.low.toFixed(0)}–${rate.high.toFixed(0)})`
}

interface Group {
  readonly cell: Omit<Cell, 'orders'>
  readonly entries: readonly Entry[]
}

function groupsOf(history: readonly Entry[]): readonly Group[] {
  const groups = Map.groupBy(history, ({ strategy, instances, concurrency, hotOrders }) =>
    JSON.stringify({ strategy, instances, concurrency, hotOrders }),
  )
  return Array.from(groups, ([cell, entries]) => ({ cell: JSON.parse(cell) as Group['cell'], entries }))
}

/** Fewer orders than this at rest say too little. */
const trialsMin = 20

function neverIn(history: readonly Entry[], where: (entry: Entry) => boolean): Finding {
  const entries = history.filter(where)
  const divergent = entries.filter((entry) => (entry.divergent?.length ?? 0) > 0)
  const trials = judgeable(entries)
  const first = divergent.filter(({ order }) => trials.some((trial) => trial.order === order))
  if (first.length > 0) {
    return {
      verdict: 'refuted',
      because: `${first.length} of ${trials.length} orders diverged`,
      evidence: first.slice(0, 20),
    }
  }
  if (trials.length < trialsMin) return { verdict: 'unknown', because: `only ${trials.length} orders could be judged` }
  const { high } = wilson(0, trials.length)
  return {
    verdict: 'holds',
    because: `none of ${trials.length} orders with ${trials.length * updatesPerOrder} updates; it could be ${(high * 100).toFixed(1)} % of orders at most`,
  }
}

/** @param everyOf each of these has to have a divergent copy. */
function diverges(statement: string, strategy: Strategy, everyOf: readonly StoreName[] = []): Check<Entry> {
  return {
    statement,
    check: (history) => {
      const entries = history.filter(
        (entry) => entry.strategy === strategy && entry.concurrency === 16 && entry.hotOrders <= 4,
      )
      const trials = judgeable(entries)
      if (trials.length < trialsMin) {
        return { verdict: 'unknown', because: `only ${trials.length} orders could be judged` }
      }
      const counts = storeNames.map((store) => `${store}: ${countDivergent(entries, store)}`)
      const divergent = trials.filter((trial) => trial.divergent.length > 0)
      const found = divergent.length > 0 && everyOf.every((store) => countDivergent(entries, store) > 0)
      return {
        verdict: found ? 'holds' : 'refuted',
        because: `${divergent.length} of ${trials.length} orders, by store: ${counts.join(', ')}`,
        evidence: divergent.slice(0, 20),
      }
    },
  }
}
