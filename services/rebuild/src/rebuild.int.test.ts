/**
 * A rebuild of each store, with its real sink at work and a reader that looks all the time.
 *
 * The moments that matter last milliseconds; so the tests stand in the filler's way, or between the last look and the
 * switch, by wrapping the generation that the rebuild is given.
 */
import { connectLog, type LogAdmin, type LogProducer } from '@driftlab/kafka'
import { laneNames, orderRecords } from '@driftlab/order'
import { createLogger, createMetrics } from '@driftlab/service'
import {
  createLatencyWindow,
  createSinkMetrics,
  runSink,
  type Operation,
  type Projection,
  type Sink,
  type Store,
} from '@driftlab/sink'
import { orderRow } from '@driftlab/sink-contract'
import { connectClickHouse, connectElasticsearch, connectRedis } from '@driftlab/stores'
import { eventually, testSettings, throwAwayLane } from '@driftlab/stores/testing'
import { readSpecification, ordersSpecificationPath, type DerivedStore } from '@driftlab/auditor'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { setTimeout as delay } from 'node:timers/promises'
import { dropLane as dropWarehouse, setUpLane as setUpWarehouse } from '../../../infra/clickhouse/lane.ts'
import { dropLane as dropIndex, setUpLane as setUpIndex } from '../../../infra/elasticsearch/lane.ts'
import { openClickHouse as readClickHouse } from '../../auditor/src/stores/clickhouse.ts'
import { openElasticsearch as readElasticsearch } from '../../auditor/src/stores/elasticsearch.ts'
import { openRedis as readRedis } from '../../auditor/src/stores/redis.ts'
import { generationsOf } from '../../cache-updater/src/generation.ts'
import { projectInto } from '../../cache-updater/src/project.ts'
import { createCacheStore } from '../../cache-updater/src/store.ts'
import { project as projectDocument } from '../../search-indexer/src/project.ts'
import { createSearchStore } from '../../search-indexer/src/store.ts'
import { project as projectChange } from '../../warehouse-loader/src/project.ts'
import { createWarehouseStore } from '../../warehouse-loader/src/store.ts'
import { openClickHouse } from './clickhouse.ts'
import { compare } from './compare.ts'
import { openElasticsearch } from './elasticsearch.ts'
import { storeNames, type Generation, type Rebuildable, type StoreName } from './generation.ts'
import { rebuild, type Rebuilt } from './rebuild.ts'
import { openRedis } from './redis.ts'

const { kafkaBrokers, redisUrl, elasticsearchUrl, clickhouseUrl } = testSettings()
const log = connectLog({ brokers: kafkaBrokers, clientId: 'rebuild-int-test' })
const logger = createLogger('rebuild-int-test', 'silent')
const options = { timeoutMs: 20_000 }
const elasticsearch = connectElasticsearch(elasticsearchUrl, options)
const clickhouse = connectClickHouse(clickhouseUrl, options)
const redis = connectRedis(redisUrl, options)
const reading = { projection: '', revisionField: 'revision' } as const

let admin: LogAdmin
let producer: LogProducer
let lane: string
let topic: string
const topics: string[] = []
let orders: readonly string[]
/** In the order in which they were opened. */
let opened: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  admin = await log.connectAdmin()
  producer = await log.connectProducer()
  await eventually(() => redis.status === 'ready', { deadlineMs: 5_000 })
})
afterAll(async () => {
  // Not one after each test: the producer goes on asking for a topic that it once wrote to.
  await admin.deleteTopics(topics)
  await Promise.all([admin.close(), producer.close(), elasticsearch.close(), clickhouse.close()])
  redis.disconnect()
})
beforeEach(async () => {
  lane = throwAwayLane()
  topic = `${lane}.orders`
  topics.push(topic)
  orders = Array.from({ length: 60 }, () => crypto.randomUUID())
  await admin.createTopics([{ name: topic, partitions: 4 }])
  for (const revision of [1, 2]) await publish(orders, revision)
})
afterEach(async () => {
  for (const close of opened.toReversed()) await close()
  opened = []
  await Promise.all([dropIndex(elasticsearch, lane), dropWarehouse(clickhouse, lane)])
  const keys = await redis.keys(`${lane}:*`)
  if (keys.length > 0) await redis.del(...keys)
}, 30_000)

async function publish(ids: readonly string[], revision: number): Promise<void> {
  await producer.publish(
    topic,
    ids.map((id) => ({
      key: JSON.stringify({ id }),
      value: JSON.stringify({
        ...{ before: null, after: orderRow(id, revision), op: 'u' },
        source: {
          ...{ connector: 'postgresql', schema: laneNames(lane).schema, table: 'orders', lsn: 1, txId: 1 },
          ts_ms: Date.now(),
        },
      }),
    })),
  )
}

/** What the lane's readers and its sink use, and the store's own way to be rebuilt. */
interface Subject {
  readonly reader: DerivedStore
  readonly sink: Sink
  readonly sinkGroup: string
  rebuild(changed?: Changed): Promise<Rebuilt>
  readonly openKept: Rebuildable<Operation>['openKept']
  /** Prepares a generation and leaves it there, as a rebuild that was killed. */
  prepare(): Promise<Pick<Generation<Operation>, 'hold' | 'switch' | 'discard'>>
}

interface Changed {
  readonly keep?: boolean
  readonly signal?: AbortSignal
  /** Before each write of the filler. */
  readonly beforeFill?: (keys: readonly string[]) => Promise<unknown>
  readonly beforeSwitch?: () => Promise<unknown>
  readonly afterSwitch?: () => Promise<unknown>
}

async function subjectOf(name: StoreName): Promise<Subject> {
  switch (name) {
    case 'redis': {
      const generations = generationsOf(lane)
      const key = `${generations.firstPrefix}{key}`
      return open(
        await openRedis({ url: redisUrl, lane, deletedVersionTtlS: 600, holdMs: 10_000 }),
        createCacheStore(connectRedis(redisUrl, options), { deletedVersionTtlS: 600, generations }),
        projectInto(lane),
        await readRedis(
          redisUrl,
          { kind: 'redis-hash', key, prefixKey: generations.prefixKey, field: 'document', ...reading },
          options,
        ),
      )
    }
    case 'elasticsearch': {
      await setUpIndex(elasticsearch, lane)
      const { index } = laneNames(lane)
      return open(
        openElasticsearch({ url: elasticsearchUrl, lane }),
        createSearchStore(connectElasticsearch(elasticsearchUrl, options), { alias: index }),
        projectDocument,
        readElasticsearch(
          elasticsearchUrl,
          { kind: 'elasticsearch', index, deletedField: 'deleted', ...reading },
          options,
        ),
      )
    }
    case 'clickhouse': {
      await setUpWarehouse(clickhouse, lane, 'cdc')
      const { warehouseDatabase: database } = laneNames(lane)
      const { projections } = await readSpecification(ordersSpecificationPath)
      return open(
        openClickHouse({ url: clickhouseUrl, lane }),
        createWarehouseStore(connectClickHouse(clickhouseUrl, options), { database }),
        projectChange,
        await readClickHouse(
          clickhouseUrl,
          { kind: 'clickhouse', relation: `${database}.orders`, key: 'id', ...reading },
          projections['warehouse'] ?? {},
          options,
        ),
      )
    }
  }
}

async function open<Op extends Operation>(
  target: Rebuildable<Op>,
  store: Store<Op>,
  project: Projection<Op>,
  reader: DerivedStore,
): Promise<Subject> {
  const sinkGroup = `${lane}-sink`
  const decode = { ...orderRecords(lane).debezium, epoch: 0 }
  const sink = await runSink({
    ...{ log, groupId: sinkGroup, topics: [topic], decode, project, store, logger },
    deadLetters: { park: () => Promise.reject(new Error('nothing here is poison')) },
    metrics: createSinkMetrics(createMetrics({ service: sinkGroup }).registry),
    latency: createLatencyWindow(),
    fail: (error) => {
      throw error
    },
    fetch: { minBytes: 1, maxWaitMs: 20, maxBytesPerPartition: 1_048_576 },
    backoff: { firstMs: 20, capMs: 100 },
  })
  opened.push(
    () => target.close(),
    () => reader.close(),
    () => store.close(),
    () => admin.deleteGroups([sinkGroup]),
    () => sink.stop(),
  )
  const wrap = (generation: Generation<Op>, changed: Changed): Generation<Op> => ({
    ...generation,
    store: {
      ...generation.store,
      write: async (operations) => {
        await changed.beforeFill?.(operations.map(({ key }) => key))
        return await generation.store.write(operations)
      },
    },
    switch: async () => {
      await changed.beforeSwitch?.()
      await generation.switch()
      await changed.afterSwitch?.()
    },
  })
  return {
    reader,
    sink,
    sinkGroup,
    openKept: () => target.openKept(),
    prepare: () => target.prepare(),
    rebuild: ({ keep = false, signal = new AbortController().signal, ...changed } = {}) =>
      rebuild({
        target: { ...target, prepare: async () => wrap(await target.prepare(), changed) },
        ...{ log, topic, group: `${lane}-rebuild`, decode, keep, signal, logger },
        ...{ deadlineMs: 20_000, holdMaxMs: 5_000, graceMs: 200 },
        onProgress: () => undefined,
      }),
  }
}

async function revisions(reader: DerivedStore, ids = orders): Promise<readonly number[]> {
  const held = await reader.read(ids)
  return ids.map((id) => {
    const order = held.get(id)
    return order?.state === 'present' ? Number(order.fields['revision']) : 0
  })
}

async function untilSinkHas(subject: Subject, revision: number, ids = orders): Promise<void> {
  await eventually(async () => (await revisions(subject.reader, ids)).every((seen) => seen === revision), {
    deadlineMs: 20_000,
    what: `readers see revision ${revision}`,
  })
}

describe.each(storeNames)('%s', (name) => {
  let subject: Subject
  beforeEach(async () => {
    subject = await subjectOf(name)
    await untilSinkHas(subject, 2)
  }, 30_000)

  test('a reader sees no order missing or older while writes go on, and all of them afterwards', async () => {
    let last = 2
    const stop = new AbortController()
    const writing = (async () => {
      while (!stop.signal.aborted) {
        last += 1
        await publish(orders, last)
      }
    })()
    const seen = await revisions(subject.reader)
    const backwards: string[] = []
    const looking = (async () => {
      const best = [...seen]
      while (!stop.signal.aborted) {
        for (const [at, revision] of (await revisions(subject.reader)).entries()) {
          if (revision < (best[at] ?? 0)) backwards.push(`${best[at] ?? 0} -> ${revision}`)
          best[at] = revision
        }
      }
    })()
    const rebuilt = await subject.rebuild()
    await delay(300)
    stop.abort()
    await Promise.all([writing, looking])
    expect(backwards).toEqual([])
    expect(rebuilt).toMatchObject({ store: name, kept: false, poison: 0 })
    await untilSinkHas(subject, last)
    expect(await subject.openKept()).toBeUndefined()
  }, 60_000)

  test('it switches only when the filler has passed what the live sink had written', async () => {
    const [late = ''] = orders
    let published = false
    let batchesOfLate = 0
    await subject.rebuild({
      beforeFill: async (keys) => {
        if (keys.some((key) => key.includes(late))) batchesOfLate += 1
        if (!published) {
          published = true
          await publish([late], 3)
          await untilSinkHas(subject, 3, [late])
        } else if (batchesOfLate > 1) {
          // So near the end that it may hold the writers, and not yet there.
          await delay(2_000)
        }
      },
      afterSwitch: async () => {
        expect(await revisions(subject.reader, [late])).toEqual([3])
      },
    })
  }, 60_000)

  test('what a reader saw in the last moment before the switch is there in the first after it', async () => {
    const [late = ''] = orders
    let before: readonly number[] = []
    let holdsFill = false
    await subject.rebuild({
      beforeFill: () => (holdsFill ? delay(1_500) : Promise.resolve()),
      beforeSwitch: async () => {
        holdsFill = true
        await publish([late], 3)
        // Time enough for the live sink, were it not held.
        await delay(700)
        before = await revisions(subject.reader, [late])
      },
      afterSwitch: async () => {
        const [seen = 0] = before
        const [now = 0] = await revisions(subject.reader, [late])
        expect(now).toBeGreaterThanOrEqual(seen)
      },
    })
    await untilSinkHas(subject, 3, [late])
  }, 60_000)

  test('a rebuild that is interrupted leaves readers and writers where they were', async () => {
    const interruption = new AbortController()
    const interrupted = subject.rebuild({
      signal: interruption.signal,
      beforeFill: () => {
        interruption.abort(new Error('interrupted by the test'))
        return Promise.resolve()
      },
    })
    await expect(interrupted).rejects.toThrow()
    expect(await revisions(subject.reader)).toEqual(orders.map(() => 2))
    await publish(orders, 3)
    await untilSinkHas(subject, 3)
    expect(await subject.openKept()).toBeUndefined()
  }, 60_000)

  test('writers that a killed rebuild holds are let go by the next, which begins anew', async () => {
    const killed = await subject.prepare()
    await killed.hold()
    await publish(orders, 3)
    await subject.rebuild()
    await untilSinkHas(subject, 3)
  }, 60_000)

  test('what readers have is never discarded, not even when the answer of the switch got lost', async () => {
    const generation = await subject.prepare()
    await generation.hold()
    await generation.switch()
    await publish(orders, 3)
    await untilSinkHas(subject, 3)
    await generation.discard()
    expect(await revisions(subject.reader)).toEqual(orders.map(() => 3))
    await publish(orders, 4)
    await untilSinkHas(subject, 4)
  }, 60_000)

  test('the old generation that is kept can be compared with the current one', async () => {
    const rebuilt = await subject.rebuild({ keep: true })
    expect(rebuilt.kept).toBe(true)
    await publish(orders.slice(0, 1), 3)
    await untilSinkHas(subject, 3, orders.slice(0, 1))
    const kept = await subject.openKept()
    if (kept === undefined) throw new Error('the old generation is not there')
    opened.push(
      () => kept.old.store.close(),
      () => kept.current.store.close(),
    )
    const { keys, counts, examples } = await compare(name, kept, {
      examplesMax: 10,
      signal: new AbortController().signal,
    })
    expect({ keys, counts }).toEqual({
      keys: orders.length,
      counts: { missing: 0, extra: 0, newer: 1, older: 0, changed: 0 },
    })
    expect(examples.map(({ key }) => key)).toEqual(orders.slice(0, 1))
  }, 60_000)
})
