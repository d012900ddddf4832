/** What is left behind when something fails in the middle of a write: every strategy under the same faults. */
import { setTimeout as delay } from 'node:timers/promises'
import type { LaneReport } from '@driftlab/auditor'
import { derivedStores, type PerStore } from '../../services/orders/src/derived-stores/derived-store.ts'
import { allOf } from '../laboratory/all-of.ts'
import { openFedLane, type Feed } from '../laboratory/fed-lane.ts'
import { auditLane, openLane } from '../laboratory/lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { placeOrder, updateNote, type Outcome } from '../laboratory/orders-client.ts'
import { startOrders } from '../laboratory/orders-service.ts'
import { openProxy, type Proxy } from '../laboratory/proxy.ts'
import type { Service } from '../laboratory/service.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { checks, report } from './checks.ts'
import {
  durationsOf,
  lastingFaultOf,
  lateMs,
  phases,
  requestsMin,
  unreachable,
  type Durations,
  type Phase,
} from './faults.ts'
import { dualWrites, entrySchema, throughLog, tried, type Entry, type Strategy } from './history.ts'

/** Two lots, one after the other: all of them at once are more than a small machine runs at a pace that says anything. */
const lots = [dualWrites, throughLog]

/** Of each strategy. No two clients change the same order, so that nothing in here is a race. */
const clients = 6
const updatesPerOrder = 3
const clientTimeoutMs = 20_000
/** Between an answer and the client's next request. Without it the fast strategies would take the machine from the others. */
const thinkMs = 400

const feeds = {
  cdc: 'rows-by-connector',
  'outbox by connector': 'outbox-by-connector',
  'outbox by relay': 'outbox-by-relay',
} as const satisfies Partial<Record<Strategy, Feed>>

interface Subject {
  readonly strategy: Strategy
  readonly orders: Service
  /** What `kill -9` hits, one after the other. */
  readonly mortal: readonly Service[]
  /** On the ways to its stores. */
  readonly proxies: PerStore<Proxy>
  /** Waits for what is on its way, and compares. */
  readonly audit: () => Promise<LaneReport>
}

export const partialFailure = defineExperiment<Entry>({
  name: 'partial-failure',
  claim:
    'Whatever repair a dual write has, a process that dies, a store that cannot be reached, an answer that is lost or a ' +
    'request that lands late leaves copies behind that stay wrong; change data capture and the outbox leave none.',
  refutedBy:
    'A variant of dual writes that leaves nothing behind under any of the faults, or a wrong copy with change data ' +
    'capture or the outbox.',
  needs: 'laboratory',
  entry: entrySchema,
  run: async (context) => {
    for (const all of lots) {
      const lot = all.filter((strategy) => tried(strategy, context.quick))
      context.progress(`starting ${lot.join(', ')}`)
      const subjects = await openSubjects(context, lot)
      const placed: PlacedOrders = new Map()
      for (const stage of ['warm-up', ...phases] as const) {
        const seen = await runStage(stage, subjects, placed, context)
        if (stage === 'warm-up') continue
        for (const entry of seen) context.record({ kind: 'phase', phase: stage, ...entry })
      }
      context.progress(`auditing ${lot.join(', ')}`)
      const audited = await allOf(subjects.map(async ({ strategy, audit }) => ({ strategy, found: await audit() })))
      for (const { strategy, found } of audited) recordAudit(strategy, found, placed, context.record)
      // The next lot shall have the machine to itself.
      await allOf(subjects.flatMap(({ mortal }) => mortal).map((service) => service.stop()))
    }
  },
  checks,
  report,
})

async function openSubjects(context: RunContext<Entry>, lot: readonly Strategy[]): Promise<readonly Subject[]> {
  const laboratory = context.laboratory()
  return await allOf(
    lot.map(async (strategy) => openSubject(laboratory, strategy, await openProxies(laboratory, context.random))),
  )
}

async function openProxies(laboratory: Laboratory, random: () => number): Promise<PerStore<Proxy>> {
  const { settings } = laboratory
  const open = (port: string): Promise<Proxy> =>
    openProxy(laboratory, { host: settings.LAB_HOST, port: Number(port) }, random)
  return {
    redis: await open(settings.REDIS_PORT),
    elasticsearch: await open(settings.ELASTICSEARCH_PORT),
    clickhouse: await open(settings.CLICKHOUSE_PORT),
  }
}

async function openSubject(laboratory: Laboratory, strategy: Strategy, proxies: PerStore<Proxy>): Promise<Subject> {
  const { url } = laboratory
  const { redis, elasticsearch, clickhouse } = proxies
  if (strategy in feeds) {
    const feed = feeds[strategy as keyof typeof feeds]
    const lane = `${strategy.replaceAll(' ', '-')}-faults`
    const storeUrls = {
      redis: redis.through(url.redis('CACHE_UPDATER')),
      elasticsearch: elasticsearch.through(url.elasticsearch('SEARCH_INDEXER')),
      clickhouse: clickhouse.through(url.clickhouse('WAREHOUSE_LOADER')),
    }
    const fed = await openFedLane(laboratory, lane, feed, { storeUrls })
    const orders = await fed.startOrders(`orders-${lane}`)
    return { strategy, orders, mortal: [orders, ...fed.processes], proxies, audit: () => fed.audit() }
  }
  const lane = `${strategy}-faults`
  const kind = strategy === 'dual-write-last-writer-wins' ? 'cdc' : 'dual-write'
  await openLane(laboratory, { name: lane, kind })
  const [orders] = await startOrders(laboratory, {
    lane,
    strategy,
    instances: 1,
    environment: {
      REDIS_URL: redis.through(url.redis('ORDERS')),
      ELASTICSEARCH_URL: elasticsearch.through(url.elasticsearch('ORDERS')),
      CLICKHOUSE_URL: clickhouse.through(url.clickhouse('ORDERS')),
    },
  })
  if (orders === undefined) throw new Error(`no instance of ${lane}`)
  return {
    strategy,
    orders,
    mortal: [orders],
    proxies,
    audit: async () => {
      // It ends what it has begun. What a proxy still holds back has landed after `lateMs`.
      await orders.stop()
      return await auditLane(laboratory, lane, { kind: 'bounded', inFlightMaxMs: 2 * lateMs })
    },
  }
}

type Stage = Phase | 'warm-up'

/** By id: in which phase it was made, and whether every request for it was answered as it should be. */
type PlacedOrders = Map<string, { readonly stage: Stage; acknowledged: boolean }>

type Seen = Omit<Extract<Entry, { readonly kind: 'phase' }>, 'kind' | 'phase'>

/** Loads all of them alike while the stage's fault happens to all of them alike. @returns what each went through. */
async function runStage(
  stage: Stage,
  subjects: readonly Subject[],
  placed: PlacedOrders,
  context: RunContext<Entry>,
): Promise<readonly Seen[]> {
  const durations = durationsOf(context.quick)
  const proxies = subjects.flatMap((subject) => Object.values(subject.proxies))
  const hitsBefore = subjects.map(hitsOf)
  const ending = new AbortController()
  const loads = subjects.map((subject) => startLoad(subject, stage, placed, ending.signal))
  // What has just been started may answer late, or not in time, at first: that is over when it has answered often.
  const fewest = (): number =>
    Math.min(
      ...loads.map(({ counts: { ok, failed, indeterminate } }) =>
        stage === 'warm-up' ? ok : ok + failed + indeterminate,
      ),
    )
  const wanted = stage === 'request late' ? durations.lateRequestsMin : requestsMin
  let deaths = 0
  try {
    for (const { proxies: ways } of subjects) {
      for (const store of derivedStores) ways[store].setFault(lastingFaultOf(stage, store))
    }
    deaths = await inject(stage, subjects, durations, context)
    // On a busy machine it takes longer until every strategy has something to tell.
    const lasts = derivedStores.some((store) => lastingFaultOf(stage, store) !== undefined)
    const unhurt = (): number =>
      lasts ? subjects.filter((subject, index) => hitsOf(subject) === hitsBefore[index]).length : 0
    const deadline = performance.now() + durations.extraMsMax
    while ((fewest() < wanted || unhurt() > 0) && performance.now() < deadline) {
      context.progress(stage, `${fewest()} requests of the slowest strategy, ${unhurt()} not hit yet`)
      await delay(200, undefined, { signal: context.signal })
    }
  } finally {
    // However the stage ends: its clients would ask for ever.
    ending.abort()
    for (const proxy of proxies) proxy.setFault(undefined)
  }
  await Promise.all(loads.map(({ ended }) => ended))
  return subjects.map((subject, index) => ({
    strategy: subject.strategy,
    deaths,
    hits: hitsOf(subject) - (hitsBefore[index] ?? 0),
    outcomes: loads[index]?.counts ?? { ok: 0, failed: 0, indeterminate: 0 },
  }))
}

interface Load {
  readonly counts: Readonly<Record<Outcome, number>>
  readonly ended: Promise<unknown>
}

/**
 * Clients that place an order, update it, and go on to the next; one that is not answered as it should be gives the order
 * up, as a person would whose page shows an error. Ends when `signal` fires and every request has its outcome.
 */
function startLoad({ orders }: Subject, stage: Stage, placed: PlacedOrders, signal: AbortSignal): Load {
  const counts: Record<Outcome, number> = { ok: 0, failed: 0, indeterminate: 0 }
  const client = { baseUrl: orders.url, timeoutMs: clientTimeoutMs }
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const id = await placeOrder(client).catch(() => undefined)
      counts[id === undefined ? 'indeterminate' : 'ok'] += 1
      await delay(thinkMs)
      if (id === undefined) continue
      const order = { stage, acknowledged: true }
      placed.set(id, order)
      for (let update = 1; update <= updatesPerOrder && order.acknowledged; update += 1) {
        const outcome = await updateNote(client, id, `update ${update}`)
        counts[outcome] += 1
        order.acknowledged = outcome === 'ok'
        await delay(thinkMs)
      }
    }
  }
  return { counts, ended: Promise.all(Array.from({ length: clients }, run)) }
}

/** Lets happen what does not last for the whole stage. @returns how many processes of each strategy were killed. */
async function inject(
  stage: Stage,
  subjects: readonly Subject[],
  { phaseMs, killRounds, deaths, betweenDeathsMs, unreachableMs, betweenOutagesMs }: Durations,
  { signal, random }: RunContext<Entry>,
): Promise<number> {
  const wait = (ms: number): Promise<void> => delay(ms, undefined, { signal })
  switch (stage) {
    case 'warm-up':
      return 0
    case 'nothing fails':
    case 'answer lost':
    case 'request late':
      await wait(phaseMs)
      return 0
    case 'store unreachable':
      for (const store of derivedStores) {
        const proxies = subjects.map((subject) => subject.proxies[store])
        await wait(betweenOutagesMs)
        for (const proxy of proxies) proxy.setFault(unreachable)
        await wait(unreachableMs)
        for (const proxy of proxies) proxy.setFault(undefined)
      }
      await wait(betweenOutagesMs)
      return 0
    case 'kill -9':
      for (let round = 0; round < killRounds; round += 1) {
        const die = async ({ mortal }: Subject): Promise<void> => {
          await wait(betweenDeathsMs * 2 * random())
          const victim = mortal[round % mortal.length]
          await victim?.kill()
          await victim?.start()
        }
        if (deaths === 'together') await allOf(subjects.map(die))
        // Processes that start take the machine from those that are to be watched.
        else for (const subject of subjects) await die(subject)
      }
      return killRounds
  }
}

function recordAudit(
  strategy: Strategy,
  audited: LaneReport,
  placed: PlacedOrders,
  record: RunContext<Entry>['record'],
): void {
  record({ kind: 'audit', strategy, verdict: audited.verdict, doubts: [...audited.doubts], rows: audited.sourceRows })
  for (const example of audited.examples) {
    const known = placed.get(example.key)
    const phase = known?.stage ?? stageOfId(example.key, placed)
    if (phase === 'warm-up') continue
    record({
      kind: 'wrong-copy',
      strategy,
      phase,
      order: example.key,
      acknowledged: known?.acknowledged ?? false,
      revision: example.source.state === 'absent' ? null : example.source.revision,
      stores: derivedStores.flatMap((store) => {
        const held = example.stores[store]
        if (held === undefined || held.status === 'same' || held.status === 'unobserved') return []
        return [{ store, kind: held.status, revision: held.revision }]
      }),
    })
  }
}

/**
 * Of an order whose placement was not acknowledged, so that only the stores know its id. Ids are UUIDs of version 7, which
 * begin with the time of their making: the last order before it tells the phase.
 */
function stageOfId(id: string, placed: PlacedOrders): Stage {
  let before = ''
  for (const known of placed.keys()) if (known <= id && known > before) before = known
  return placed.get(before)?.stage ?? 'warm-up'
}

function hitsOf({ proxies }: Subject): number {
  return Object.values(proxies).reduce((sum, proxy) => sum + proxy.hits(), 0)
}
