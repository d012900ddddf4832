/**
 * The same changes of one table through a topic keyed by id and through one that is not, into a store with the guard
 * and into one without it. README.md says how and why.
 */
import { decode } from '@driftlab/change-event'
import { orderRecords } from '@driftlab/order'
import { connectPostgres, type Postgres } from '@driftlab/stores'
import { eventually } from '@driftlab/stores/testing'
import { createLane, dropLane } from '../../infra/postgres/lane.ts'
import { insertOrders } from '../laboratory/orders-table.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { openBench, partitionsOf, untilShared, type Bench, type Cell } from './cells.ts'
import { checks, claim, refutedBy } from './checks.ts'
import { documentsIn, identitySchema } from './held.ts'
import { entrySchema, keyings, type Entry, type Situation } from './history.ts'
import { readRows, schema, tableLane, take, takeTogether } from './orders.ts'
import { planFreeze, planLives } from './plan.ts'
import { report } from './report.ts'

const clients = 8
const settleDeadlineMs = 60_000
/** Without a further write, a sink that gets no answer has sent all that it can; well below what it waits for one. */
const quietMs = 500
/** A session of a sink's takes 10 s to end, and a rebalance its time. */
const takeOverDeadlineMs = 60_000

export const ordering = defineExperiment<Entry>({
  name: 'ordering',
  claim,
  refutedBy,
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report,
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { quick, progress } = context
  const laboratory = context.laboratory()
  const { postgres, url, signal } = laboratory
  progress('starting two connectors and eight sinks')
  await dropLane(postgres, schema)
  laboratory.atEnd(() => dropLane(postgres, schema))
  await createLane(postgres, schema)
  const bench = await openBench(laboratory)
  const writer = connectPostgres(url.postgres('ORDERS'), { connectionsMax: clients, timeoutMs: 30_000 })
  laboratory.atEnd(() => writer.end())

  progress('changes while nothing fails')
  const orders = await live(context, writer)
  await settle(bench, writer)
  await recordOutcomes(context, bench, writer, { situation: 'live', orders })

  progress('changes while the sinks are stopped')
  await catchUp(context, bench, writer)

  const freezes = quick ? 1 : 3
  for (let freeze = 1; freeze <= freezes; freeze += 1) {
    signal.throwIfAborted()
    progress('a frozen sink in every cell', `${freeze} of ${freezes}`)
    await makeZombies(context, bench, writer)
  }
  progress('reading both topics')
  await recordChanges(context, bench)
}

/** Orders are placed, and live their lives, each in the hands of one client. @returns them. */
async function live({ quick, random, signal }: RunContext<Entry>, writer: Postgres): Promise<readonly string[]> {
  const orders = await insertOrders(writer, tableLane, quick ? 80 : 800)
  const hands = planLives(orders, { clients, notes: 4, random })
  await Promise.all(
    hands.map(async (steps) => {
      for (const step of steps) {
        signal.throwIfAborted()
        await take(writer, step)
      }
    }),
  )
  return orders
}

/** As with a deploy: the sinks end in order, and find a backlog when they are started again. */
async function catchUp(context: RunContext<Entry>, bench: Bench, writer: Postgres): Promise<void> {
  const { cells } = bench
  await Promise.all(cells.flatMap(({ first, second }) => [first.stop(), second.stop()]))
  const orders = await live(context, writer)
  for (const { first, second } of cells) await Promise.all([first.start(), second.start()])
  await Promise.all(cells.map(untilShared))
  await settle(bench, writer)
  await recordOutcomes(context, bench, writer, { situation: 'backlog', orders })
}

/** Resolves when every change that was committed before has gone through both topics into all cells. */
async function settle({ cells }: Bench, writer: Postgres): Promise<void> {
  // Of an order with one change, nothing can overtake anything; and connectors publish in the order of commits.
  const last = await insertOrders(writer, tableLane, 1)
  await eventually(
    async () => {
      const seen = await Promise.all(cells.map((cell) => cell.read(last)))
      return seen.flat().every((document) => document !== null)
    },
    { deadlineMs: settleDeadlineMs, what: 'the last order is in every cell' },
  )
  await eventually(async () => (await Promise.all(cells.map((cell) => cell.isDrained()))).every(Boolean), {
    deadlineMs: settleDeadlineMs,
    what: 'every cell has drained its topic',
  })
}

async function makeZombies(context: RunContext<Entry>, bench: Bench, writer: Postgres): Promise<void> {
  const { cells, partitions } = bench
  const orders = await insertOrders(writer, tableLane, context.quick ? 200 : 320)
  await settle(bench, writer)
  const plan = planFreeze(orders)

  // They stop for a moment first, and so find all of these changes at once when they go on.
  const before = await Promise.all(cells.map((cell) => cell.records()))
  for (const { first } of cells) first.pause()
  await takeTogether(writer, plan.held)
  await eventually(
    async () => {
      const now = await Promise.all(cells.map((cell) => cell.records()))
      return now.every((records, at) => records - (before[at] ?? 0) >= plan.held.length)
    },
    { deadlineMs: settleDeadlineMs, intervalMs: 10, what: 'the changes to be held are in both topics' },
  )
  await Promise.all(cells.map(freezeWithWrite))
  await takeTogether(writer, plan.newer)
  await Promise.all(
    cells.map(({ second }) =>
      eventually(async () => (await partitionsOf(second)) === partitions, {
        deadlineMs: takeOverDeadlineMs,
        what: `${second.name} has taken every partition over`,
      }),
    ),
  )
  await settle(bench, writer)

  const rows = await readRows(writer, orders)
  for (const cell of cells) {
    // Only now: what a process sent just before it was frozen may have reached the proxy after that.
    const writes = cell.proxy.held().flatMap(documentsIn)
    const stored = await cell.read(writes.map(({ order }) => order))
    for (const [at, { order, revision }] of writes.entries()) {
      context.record({
        ...{ type: 'held', keying: cell.keying, guarded: cell.guarded, order, revision },
        stored: revisionOf(stored[at] ?? null),
        row: rows.get(order)?.revision ?? null,
      })
    }
  }
  for (const { proxy, first } of cells) {
    proxy.setFault(undefined)
    first.resume()
  }
  // It says that it is ready once Redis has answered it, on the same connection and so after the write.
  await Promise.all(cells.map(untilShared))
  await settle(bench, writer)
  await recordOutcomes(context, bench, writer, { situation: 'zombie', orders })
}

/** Lets the first instance go on until its writes are on their way, and no further. */
async function freezeWithWrite({ first, proxy }: Cell): Promise<void> {
  proxy.setFault({ kind: 'request-held' })
  first.resume()
  let held = 0
  let heldSinceMs = performance.now()
  // It writes its partitions side by side. One that it had yet to send would be a late write that nobody has seen.
  const hasSentAll = (): boolean => {
    const now = proxy.held().flatMap(documentsIn).length
    if (now !== held) {
      held = now
      heldSinceMs = performance.now()
    }
    return held > 0 && performance.now() - heldSinceMs >= quietMs
  }
  await eventually(hasSentAll, {
    deadlineMs: settleDeadlineMs,
    intervalMs: 5,
    what: `${first.name} has its writes on their way`,
  })
  first.pause()
}

async function recordOutcomes(
  { record }: RunContext<Entry>,
  { cells }: Bench,
  writer: Postgres,
  { situation, orders }: { readonly situation: Situation; readonly orders: readonly string[] },
): Promise<void> {
  const rows = await readRows(writer, orders)
  for (const cell of cells) {
    const { keying, guarded } = cell
    const stored = await cell.read(orders)
    for (const [at, order] of orders.entries()) {
      const [row, document] = [rows.get(order), stored[at] ?? null]
      record({
        ...{ type: 'outcome', keying, guarded, situation, order },
        row: row?.revision ?? null,
        stored: revisionOf(document),
        equal: (row?.document ?? null) === document,
      })
    }
  }
}

async function recordChanges({ record }: RunContext<Entry>, { admin, topics }: Bench): Promise<void> {
  const format = orderRecords(tableLane).debezium
  for (const keying of keyings) {
    await admin.readAll(topics[keying], (logged) => {
      const decoded = decode(logged, { ...format, epoch: 0 })
      if (decoded.type === 'poison') throw new Error(`${topics[keying]}/${logged.partition}: ${decoded.message}`)
      if (decoded.type !== 'change') return
      const { change } = decoded
      const { id, revision } = identitySchema.parse(change.kind === 'delete' ? change.before : change.after)
      record({
        ...{ type: 'change', keying, order: id, kind: change.kind, revision },
        ...{ partition: change.position.partition, offset: change.position.offset },
      })
    })
  }
}

function revisionOf(document: string | null): number | null {
  return document === null ? null : identitySchema.parse(JSON.parse(document)).revision
}
