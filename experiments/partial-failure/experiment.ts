/** What is left behind when something fails in the middle of a write: every strategy under the same faults. */
import { setTimeout as delay } from 'node:timers/promises'
import type { LaneReport } from '@driftlab/auditor'
import { derivedStores, type PerStore } from '../../services/orders/src/derived-stores/derived-store.ts'
import { openFedLane, type Feed } from '../laboratory/fed-lane.ts'
import { auditLane, openLane } from '../laboratory/lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { placeOrder, updateNote, type Outcome } from '../laboratory/orders-client.ts'
import { startOrders } from '../laboratory/orders-service.ts'
import { openProxy, type Proxy } from '../laboratory/proxy.ts'
import type { Service } from '../laboratory/service.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { checks, report } from './checks.ts'
import { durationsOf, lastingFaultOf, phases, requestsMin, unreachable, type Durations, type Phase } from './faults.ts'
import { entrySchema, strategies, type Entry, type Strategy } from './history.ts'

/** A dual write with all its retries is over after this long; so is the latest of the late requests. */
const inFlightMaxMs = 20_000

/** Of each strategy. No two clients change the same order, so that nothing in here is a race. */
const clients = 3
const updatesPerOrder = 3
const clientTimeoutMs = 20_000

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
    const laboratory = context.laboratory()
    const durations = durationsOf(context.quick)
    const proxies = await openProxies(laboratory, context.random)
    context.progress('starting the services')
    const subjects: Subject[] = []
    for (const strategy of strategies) subjects.push(await openSubject(laboratory, strategy, proxies))

    const placed: PlacedOrders = new Map()
    for (const phase of ['warm-up', ...phases] as const) {
      const hitsBefore = hitsOf(proxies)
      const ending = new AbortController()
      // An interrupt ends the clients too: nobody would answer them any more, and they would ask for ever.
      const signal = AbortSignal.any([ending.signal, context.signal])
      const loads = subjects.map((subject) => startLoad(subject, phase, placed, signal))
      const ended = Promise.all(loads.map((load) => load.ended))
      const fewest = (): number => Math.min(...loads.map(({ requests }) => requests()))
      const deaths = await inject(phase, subjects, proxies, durations, context)
      // On a busy machine it takes longer until every strategy has something to tell.
      const deadline = performance.now() + durations.extraMsMax
      while (fewest() < requestsMin && performance.now() < deadline) {
        context.progress(phase, `${fewest()} requests of the slowest strategy`)
        await delay(200, undefined, { signal: context.signal })
      }
      ending.abort()
      for (const proxy of Object.values(proxies)) proxy.setFault(undefined)
      const outcomesOf = await ended
      if (phase === 'warm-up') continue
      context.record({ kind: 'phase', phase, deaths, hits: hitsOf(proxies) - hitsBefore })
      for (const [index, { strategy }] of subjects.entries()) {
        const counts = outcomesOf[index]
        if (counts !== undefined) context.record({ kind: 'load', phase, strategy, outcomes: counts })
      }
    }

    for (const { strategy, audit } of subjects) {
      context.progress(`auditing ${strategy}`)
      recordAudit(strategy, await audit(), placed, context.record)
    }
  },
  checks,
  report,
})

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
    return { strategy, orders, mortal: [orders, ...fed.processes], audit: () => fed.audit() }
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
    audit: () => auditLane(laboratory, lane, { kind: 'bounded', inFlightMaxMs }),
  }
}

type Stage = Phase | 'warm-up'

/** By id: in which phase it was made, and whether every request for it was answered as it should be. */
type PlacedOrders = Map<string, { readonly stage: Stage; acknowledged: boolean }>

interface Load {
  readonly requests: () => number
  readonly ended: Promise<Readonly<Record<Outcome, number>>>
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
      if (id === undefined) {
        // The service may be gone for a moment; asking at once would only ask more often.
        await delay(50)
        continue
      }
      const order = { stage, acknowledged: true }
      placed.set(id, order)
      for (let update = 1; update <= updatesPerOrder && order.acknowledged; update += 1) {
        const outcome = await updateNote(client, id, `update ${update}`)
        counts[outcome] += 1
        order.acknowledged = outcome === 'ok'
      }
    }
  }
  return {
    requests: () => counts.ok + counts.failed + counts.indeterminate,
    ended: Promise.all(Array.from({ length: clients }, run)).then(() => counts),
  }
}

/** Lets the phase's fault happen. @returns how often a process was killed. */
async function inject(
  stage: Stage,
  subjects: readonly Subject[],
  proxies: PerStore<Proxy>,
  { phaseMs, killEveryMs, unreachableMs, betweenOutagesMs }: Durations,
  { signal, random }: RunContext<Entry>,
): Promise<number> {
  const wait = (ms: number): Promise<void> => delay(ms, undefined, { signal })
  for (const proxy of Object.values(proxies)) proxy.setFault(lastingFaultOf(stage))
  switch (stage) {
    case 'warm-up':
    case 'nothing fails':
    case 'answer lost':
    case 'request late':
      await wait(phaseMs)
      return 0
    case 'store unreachable':
      for (const proxy of Object.values(proxies)) {
        await wait(betweenOutagesMs)
        proxy.setFault(unreachable)
        await wait(unreachableMs)
        proxy.setFault(undefined)
      }
      await wait(betweenOutagesMs)
      return 0
    case 'kill -9': {
      const end = performance.now() + phaseMs
      let deaths = 0
      const dieOften = async ({ mortal }: Subject): Promise<void> => {
        for (let turn = 0; performance.now() < end; turn += 1) {
          await wait(killEveryMs * (0.5 + random()))
          const victim = mortal[turn % mortal.length]
          await victim?.kill()
          deaths += 1
          await victim?.start()
        }
      }
      await Promise.all(subjects.map(dieOften))
      return deaths
    }
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

function hitsOf(proxies: PerStore<Proxy>): number {
  return Object.values(proxies).reduce((sum, proxy) => sum + proxy.hits(), 0)
}
