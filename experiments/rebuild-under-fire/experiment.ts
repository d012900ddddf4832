/**
 * All three stores are rebuilt while orders are written, while readers look all the time, and while those who do the work are
 * killed.
 */
import type { DerivedStore } from '@driftlab/auditor'
import { connectLog, type LogAdmin } from '@driftlab/kafka'
import { laneNames, type OrderDocument } from '@driftlab/order'
import { groupOf } from '@driftlab/sink'
import { connectElasticsearch } from '@driftlab/stores'
import { setTimeout as delay } from 'node:timers/promises'
import { storeNames, type StoreName } from '../../services/rebuild/src/generation.ts'
import { openFedLane } from '../laboratory/fed-lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { insertOrders } from '../laboratory/orders-table.ts'
import { openReaders } from '../laboratory/readers.ts'
import { startRebuild, type RunningRebuild } from '../laboratory/rebuild.ts'
import { sinkOf } from '../laboratory/sinks.ts'
import { defineExperiment, type Report } from '../runner/experiment.ts'
import { checks } from './checks.ts'
import { entriesOf, entrySchema, readerNames, type Entry, type ReaderName } from './history.ts'
import { watch, type Read, type Watched } from './watch.ts'

const lane = 'cdc-fire'
const watchedOrders = 100
const atSwitchMs = 500
/** No reader here takes as long between resolving a name and asking, however busy the machine is. */
const graceS = 3
/** What was aimed at. It is no part of the claim: a machine may be slower. */
const targets = { redis: 30_000, all: 15_000 }

export const rebuildUnderFire = defineExperiment<Entry>({
  name: 'rebuild-under-fire',
  claim:
    'All stores can be rebuilt while orders are written and read: the switch is atomic, so no reader ever sees an order missing or older, though filler and sink are killed; and the stores end as the database is.',
  refutedBy:
    'A reader to which an order is gone or older than it was before, or that gets no answer; a store that is not rebuilt in the end; or a divergence that the auditor finds afterwards.',
  needs: 'laboratory',
  entry: entrySchema,
  run: async (context) => {
    const { record, quick, progress, random } = context
    const laboratory = context.laboratory()
    const { url } = laboratory
    const orders = quick ? 4_000 : 100_000

    progress('opening a lane')
    const fed = await openFedLane(laboratory, lane, 'rows-by-connector')
    const admin = await connectLog({ brokers: [url.kafkaBrokers], clientId: lane }).connectAdmin()
    laboratory.atEnd(() => admin.close())
    progress('loading', `${orders} orders`)
    const ids = await insertOrders(laboratory.postgres, lane, orders)
    await fed.audit()
    const watched = ids.slice(0, watchedOrders)
    record({ kind: 'load', orders, watched: watched.length })

    const stop = new AbortController()
    const stopping = AbortSignal.any([stop.signal, laboratory.signal])
    const reads = await openReads(laboratory)
    const watching = readerNames.map(async (name) => ({ name, ...(await watch(watched, reads[name], stopping)) }))
    const writing = write(laboratory, watched, stopping)
    try {
      progress('a filler and a live sink are killed')
      const first = await startRebuild(laboratory, { lane, store: 'all', graceS })
      await untilFilling(admin, first)
      const sink = fed.processes.find(({ name }) => name === `${sinkOf.elasticsearch}-${lane}`)
      if (sink === undefined) throw new Error('the lane has no search-indexer')
      record({ kind: 'fault', what: 'kill -9 of the filler', hit: await killed(first) })
      record({ kind: 'fault', what: 'kill -9 of a live sink', hit: sink.isAlive() })
      await sink.kill()
      const sinkIsBack = sink.start()
      progress('another filler is killed')
      const second = await startRebuild(laboratory, { lane, store: 'all', graceS })
      await untilFilling(admin, second)
      await delay(random() * 100)
      record({ kind: 'fault', what: 'kill -9 of the filler', hit: await killed(second) })
      progress('a rebuild goes through')
      const third = await startRebuild(laboratory, { lane, store: 'all', graceS })
      const rebuilt = await third.result()
      await sinkIsBack
      // Long enough for a look at what came after the last switch.
      await delay(2 * atSwitchMs)
      for (const result of rebuilt) record({ kind: 'rebuilt', round: 'under fire', ...result })
      stop.abort()
      for (const { name, ...seen } of await Promise.all(watching)) {
        const switchedAtMs = rebuilt.find(({ store }) => store === storeOf(name))?.switchedAtMs ?? 0
        record({ kind: 'reader', reader: name, ...summaryOf(seen, switchedAtMs) })
      }
    } finally {
      stop.abort()
      record({ kind: 'writes', changes: await writing })
    }
    progress('audit')
    const report = await fed.audit()
    record({ kind: 'audit', verdict: report.verdict, orders: report.sourceRows })
    if (quick) return

    for (const store of storeNames) {
      progress('a rebuild alone', store)
      const [alone] = await (await startRebuild(laboratory, { lane, store })).result()
      if (alone !== undefined) record({ kind: 'rebuilt', round: 'alone', ...alone })
    }
    progress('a rebuild of all at once')
    const all = await (await startRebuild(laboratory, { lane, store: 'all' })).result()
    for (const result of all) record({ kind: 'rebuilt', round: 'all at once', ...result })
    const last = await fed.audit()
    record({ kind: 'audit', verdict: last.verdict, orders: last.sourceRows })
  },
  checks,
  report,
})

function storeOf(reader: ReaderName): StoreName {
  return reader === 'elasticsearch search' ? 'elasticsearch' : reader
}

async function openReads(laboratory: Laboratory): Promise<Readonly<Record<ReaderName, Read>>> {
  const readers = await openReaders(laboratory, lane)
  const byKey =
    (store: DerivedStore): Read =>
    async (ids) =>
      new Map(
        Array.from(await store.read(ids), ([id, held]) => [
          id,
          held.state === 'present' ? Number(held.fields['revision']) : 0,
        ]),
      )
  const client = connectElasticsearch(laboratory.url.elasticsearch('AUDITOR'), { timeoutMs: 30_000 })
  laboratory.atEnd(() => client.close())
  const { index } = laneNames(lane)
  return {
    redis: byKey(readers.redis),
    elasticsearch: byKey(readers.elasticsearch),
    'elasticsearch search': async (ids) => {
      const { hits } = await client.search<OrderDocument>({
        ...{ index, size: ids.length, _source: ['id', 'revision'], allow_partial_search_results: false },
        query: { ids: { values: [...ids] } },
      })
      return new Map(
        hits.hits.flatMap(({ _source: order }) => (order === undefined ? [] : [[order.id, order.revision]])),
      )
    },
    clickhouse: byKey(readers.clickhouse),
  }
}

/** Changes some of the watched orders in each transaction; others come and go. @returns how many changes it made. */
async function write({ postgres }: Laboratory, watched: readonly string[], stop: AbortSignal): Promise<number> {
  const { table } = laneNames(lane)
  let changes = 0
  for (let turn = 0; !stop.aborted; turn += 1) {
    const some = watched.filter((_, at) => at % 20 === turn % 20)
    await postgres.query(`update ${table} set note = 'turn ' || $1::int where id = any($2::uuid[])`, [turn, some])
    changes += some.length
    if (turn % 10 === 0) {
      const passing = await insertOrders(postgres, lane, 10)
      const gone = passing.slice(0, 5)
      await postgres.query(`delete from ${table} where id = any($1::uuid[])`, [gone])
      changes += passing.length + gone.length
    }
    await delay(40)
  }
  return changes
}

/**
 * Until this rebuild's filler has put something into some store, or has ended without being noticed. Its group has the name of
 * the one before, so what counts is a position that comes after there was none.
 */
async function untilFilling(admin: LogAdmin, running: RunningRebuild): Promise<void> {
  const { topic } = laneNames(lane)
  const begunAnew = new Set<StoreName>()
  while (running.isAlive()) {
    for (const store of storeNames) {
      const progress = await admin.groupProgress(groupOf(`rebuild-${store}`, lane), topic)
      if (progress.every(({ committed }) => committed === null)) begunAnew.add(store)
      else if (begunAnew.has(store)) return
    }
    await delay(10)
  }
}

/** @returns whether it was at work. */
async function killed(running: RunningRebuild): Promise<boolean> {
  if (!running.isAlive()) return false
  await running.kill()
  return true
}

function summaryOf({ pollsAtMs, progress, anomalies, failures }: Watched, switchedAtMs: number) {
  return {
    polls: pollsAtMs.length,
    pollsAtSwitch: pollsAtMs.filter((atMs) => Math.abs(atMs - switchedAtMs) <= atSwitchMs).length,
    progress,
    anomalies: anomalies.length,
    examples: anomalies.slice(0, 20),
    failures: failures.length,
    firstFailure: failures[0] ?? '',
  }
}

const perSecond = (rate: number): string => Math.round(rate).toLocaleString('en')

function report(history: readonly Entry[]): Report {
  const rebuilt = entriesOf(history, 'rebuilt')
  const all = rebuilt.filter(({ round }) => round === 'all at once')
  // From the first key until the last store had caught up.
  const together = Math.min(...all.map(({ keysPerSecond }) => keysPerSecond))
  const redis = rebuilt.find(({ round, store }) => round === 'alone' && store === 'redis')
  return {
    tables: [
      {
        title: 'Rebuilds',
        head: ['', 'store', 'keys', 'filled in, s', 'keys/s', 'writers held, ms'],
        rows: rebuilt.map(({ round, store, keys, fillMs, keysPerSecond, heldMs }) => [
          ...[round, store, String(keys), (fillMs / 1_000).toFixed(1), perSecond(keysPerSecond), heldMs.toFixed(0)],
        ]),
      },
      ...(redis === undefined || all.length === 0
        ? []
        : [
            {
              title: 'Paces that were aimed at (no part of the claim)',
              head: ['', 'keys/s', 'aimed at', ''],
              rows: (
                [
                  ['Redis alone', redis.keysPerSecond, targets.redis],
                  ['all at once: the slowest of the three', together, targets.all],
                ] as const
              ).map(([what, rate, target]) => [
                ...[what, perSecond(rate), perSecond(target), rate >= target ? 'met' : 'not met'],
              ]),
            },
          ]),
      {
        title: 'Readers',
        head: ['reader', 'polls', 'at the switch', 'newer', 'missing or older', 'no answer'],
        rows: entriesOf(history, 'reader').map((reader) => [
          ...[reader.reader, String(reader.polls), String(reader.pollsAtSwitch), String(reader.progress)],
          ...[String(reader.anomalies), String(reader.failures)],
        ]),
      },
    ],
    charts: [],
    facts: entriesOf(history, 'reader').length === 0 ? [] : [factOf(history)],
  }
}

function factOf(history: readonly Entry[]): NonNullable<Report['facts']>[number] {
  const back = entriesOf(history, 'reader').reduce((sum, { anomalies }) => sum + anomalies, 0)
  const held = Math.max(...entriesOf(history, 'rebuilt').map(({ heldMs }) => heldMs))
  const fact = `${back} orders went back for a reader; writes waited for at most ${(held / 1_000).toFixed(1)} s`
  return { strategy: 'cdc', against: 'a rebuild while it is used', fact }
}
