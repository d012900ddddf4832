/** What is left behind when something fails in the middle of a write: every strategy under the same faults. */
import { setTimeout as delay } from 'node:timers/promises'
import type { LaneReport } from '@driftlab/auditor'
import { openFedLane, type Feed, type StoreUrls } from '../laboratory/fed-lane.ts'
import { auditLane, openLane } from '../laboratory/lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { placeOrder, updateNote, type Outcome } from '../laboratory/orders-client.ts'
import { startOrders } from '../laboratory/orders-service.ts'
import { openProxy, type Proxy } from '../laboratory/proxy.ts'
import type { Service } from '../laboratory/service.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { checks, report } from './checks.ts'
import { durationsOf, lastingFaultOf, phases, unreachable, type Durations, type Phase } from './faults.ts'
import { entrySchema, storeNames, strategies, type Entry, type StoreName, type Strategy } from './history.ts'

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

    const ordersOf = new Map<string, { readonly phase: Phase; readonly strategy: Strategy }>()
    for (const phase of phases) {
      context.progress(phase)
      const hitsBefore = hitsOf(proxies)
      const ending = new AbortController()
      const signal = AbortSignal.any([ending.signal, context.signal])
      const loads = subjects.map((subject) => drive(subject, phase, signal, ordersOf, context.record))
      const deaths = await inject(phase, subjects, proxies, durations, context)
      ending.abort()
      await Promise.all(loads)
      for (const proxy of Object.values(proxies)) proxy.setFault(undefined)
      context.record({ kind: 'phase', phase, deaths, hits: hitsOf(proxies) - hitsBefore })
    }

    for (const { strategy, audit } of subjects) {
      context.progress(`auditing ${strategy}`)
      recordAudit(strategy, await audit(), ordersOf, context.record)
    }
  },
  checks,
  report,
})

async function openProxies(
  { settings, url, ...laboratory }: Laboratory,
  random: () => number,
): Promise<Readonly<Record<StoreName, Proxy>>> {
  const host = settings.LAB_HOST
  const open = (port: string): Promise<Proxy> =>
    openProxy({ settings, url, ...laboratory }, { host, port: Number(port) }, random)
  return {
    redis: await open(settings.REDIS_PORT),
    elasticsearch: await open(settings.ELASTICSEARCH_PORT),
    clickhouse: await open(settings.CLICKHOUSE_PORT),
  }
}

async function openSubject(
  laboratory: Laboratory,
  strategy: Strategy,
  proxies: Readonly<Record<StoreName, Proxy>>,
): Promise<Subject> {
  const { url } = laboratory
  const { redis, elasticsearch, clickhouse } = proxies
  if (strategy in feeds) {
    const feed = feeds[strategy as keyof typeof feeds]
    const lane = `${strategy.replaceAll(' ', '-')}-faults`
    const throughProxies: StoreUrls = {
      redis: redis.through(url.redis('CACHE_UPDATER')),
      elasticsearch: elasticsearch.through(url.elasticsearch('SEARCH_INDEXER')),
      clickhouse: clickhouse.through(url.clickhouse('WAREHOUSE_LOADER')),
    }
    const fed = await openFedLane(laboratory, lane, feed, throughProxies)
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

/**
 * Clients that place an order, update it, and go on to the next; one that is not answered as it should be gives the order
 * up, as a person would whose page shows an error. Ends when `signal` fires and every request has its outcome.
 */
async function drive(
  { strategy, orders }: Subject,
  phase: Phase,
  signal: AbortSignal,
  ordersOf: Map<string, { readonly phase: Phase; readonly strategy: Strategy }>,
  record: RunContext<Entry>['record'],
): Promise<void> {
  const counts: Record<Outcome, number> = { ok: 0, failed: 0, indeterminate: 0 }
  const client = { baseUrl: orders.url, timeoutMs: clientTimeoutMs }
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (!signal.aborted) {
        const order = await placeOrder(client).catch(() => undefined)
        counts[order === undefined ? 'indeterminate' : 'ok'] += 1
        if (order === undefined) {
          // The service may be gone for a moment; asking at once would only ask more often.
          await delay(50)
          continue
        }
        ordersOf.set(order, { phase, strategy })
        for (let update = 1; update <= updatesPerOrder; update += 1) {
          const outcome = await updateNote(client, order, `update ${update}`)
          counts[outcome] += 1
          if (outcome !== 'ok') break
        }
      }
    }),
  )
  record({ kind: 'load', phase, strategy, outcomes: counts })
}

/** Lets the phase's fault happen. @returns how often a process was killed. */
async function inject(
  phase: Phase,
  subjects: readonly Subject[],
  proxies: Readonly<Record<StoreName, Proxy>>,
  { phaseMs, killEveryMs, unreachableMs, betweenOutagesMs }: Durations,
  { signal, random }: RunContext<Entry>,
): Promise<number> {
  const wait = (ms: number): Promise<void> => delay(ms, undefined, { signal })
  for (const proxy of Object.values(proxies)) proxy.setFault(lastingFaultOf(phase))
  switch (phase) {
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
  ordersOf: ReadonlyMap<string, { readonly phase: Phase; readonly strategy: Strategy }>,
  record: RunContext<Entry>['record'],
): void {
  record({ kind: 'audit', strategy, verdict: audited.verdict, doubts: [...audited.doubts], rows: audited.sourceRows })
  for (const example of audited.examples) {
    const stores = storeNames.flatMap((store) => {
      const held = example.stores[store]
      if (held === undefined || held.status === 'same' || held.status === 'unobserved') return []
      return [{ store, kind: held.status, revision: held.revision }]
    })
    record({
      kind: 'wrong-copy',
      strategy,
      // An order whose placement was not acknowledged: nobody knows its id but the stores.
      phase: ordersOf.get(example.key)?.phase ?? phaseOfId(example.key, ordersOf),
      order: example.key,
      revision: example.source.state === 'absent' ? null : example.source.revision,
      stores,
    })
  }
}

/** Ids are UUIDs of version 7, which begin with the time of their making: the last order before it tells the phase. */
function phaseOfId(
  id: string,
  ordersOf: ReadonlyMap<string, { readonly phase: Phase; readonly strategy: Strategy }>,
): Phase {
  let best: string | undefined
  for (const known of ordersOf.keys()) {
    if (known <= id && (best === undefined || known > best)) best = known
  }
  return (best === undefined ? undefined : ordersOf.get(best)?.phase) ?? phases[0]
}

function hitsOf(proxies: Readonly<Record<StoreName, Proxy>>): number {
  return Object.values(proxies).reduce((sum, proxy) => sum + proxy.hits(), 0)
}
