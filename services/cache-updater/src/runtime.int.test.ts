/**
 * The sink runtime, with a real log and a real store: what must hold when a process dies, a record is poison, the group
 * rebalances or the store goes away.
 */
import { connect, createServer, type Server } from 'node:net'
import { connectLog, type LogAdmin, type LogProducer, type LogRecord } from '@driftlab/kafka'
import { loseCoordinator } from '@driftlab/kafka/testing'
import { laneNames } from '@driftlab/order'
import { createLogger } from '@driftlab/service'
import {
  createDeadLetters,
  createLatencyWindow,
  createSinkMetrics,
  runSink,
  type Sink,
  type SinkOptions,
  type Store,
} from '@driftlab/sink'
import { orderRow } from '@driftlab/sink-contract'
import { connectRedis } from '@driftlab/stores'
import { eventually, freePort, testSettings, throwAwayLane } from '@driftlab/stores/testing'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { Registry } from 'prom-client'
import type { CacheOperation } from './operations.ts'
import { projectInto } from './project.ts'
import { createCacheStore } from './store.ts'

const { kafkaBrokers, redisUrl } = testSettings()
const lane = throwAwayLane()
const { redisKey, schema } = laneNames(lane)
const log = connectLog({ brokers: kafkaBrokers, clientId: 'runtime-int-test' })
const redis = connectRedis(redisUrl)
const cacheOptions = { deletedVersionTtlS: 600 }
const partitionCount = 4

let admin: LogAdmin
let producer: LogProducer
let topic: string
let deadLetterTopic: string
let groupId: string
const topics: string[] = []
const groups: string[] = []
const running: { readonly sink: Sink; readonly store: Store<CacheOperation> }[] = []
const servers: Server[] = []

beforeAll(async () => {
  admin = await log.connectAdmin()
  producer = await log.connectProducer()
  await eventually(() => redis.status === 'ready', { deadlineMs: 5_000 })
})
beforeEach(async () => {
  const name = `t-${crypto.randomUUID()}`
  topic = `${name}.orders`
  deadLetterTopic = `${name}.dead-letters`
  groupId = name
  topics.push(topic, deadLetterTopic)
  groups.push(groupId)
  await admin.createTopics([
    { name: topic, partitions: partitionCount },
    { name: deadLetterTopic, partitions: 1 },
  ])
})
afterEach(async () => {
  for (const { sink, store } of running.splice(0)) {
    await sink.stop()
    await store.close()
  }
  for (const server of servers.splice(0)) server.close()
})
afterAll(async () => {
  await admin.deleteGroups(groups)
  await admin.deleteTopics(topics)
  await admin.close()
  await producer.close()
  const keys = await redis.keys(redisKey('*'))
  if (keys.length > 0) await redis.del(...keys)
  redis.disconnect()
})

function openStore(url = redisUrl): Store<CacheOperation> {
  return createCacheStore(connectRedis(url, { timeoutMs: 1_000 }), cacheOptions)
}

/** The real store, with something happening around its writes. */
function around(
  store: Store<CacheOperation>,
  write: (
    write: Store<CacheOperation>['write'],
    operations: readonly CacheOperation[],
  ) => ReturnType<Store<CacheOperation>['write']>,
): Store<CacheOperation> {
  return { ...store, write: (operations) => write((each) => store.write(each), operations) }
}

async function startSink(
  options: Partial<SinkOptions<CacheOperation>> = {},
): Promise<{ readonly sink: Sink; readonly registry: Registry }> {
  const store = options.store ?? openStore()
  const registry = new Registry()
  const sink = await runSink({
    log,
    groupId,
    topics: [topic],
    decode: { format: 'debezium', table: { schema, name: 'orders' }, epoch: 0 },
    project: projectInto(lane),
    deadLetters: createDeadLetters(producer, 'cache-updater', deadLetterTopic),
    metrics: createSinkMetrics(registry),
    latency: createLatencyWindow(),
    logger: createLogger('runtime-int-test', 'silent'),
    fail: (error) => {
      throw error
    },
    fetch: { minBytes: 1, maxWaitMs: 50, maxBytesPerPartition: 1_048_576 },
    backoff: { firstMs: 50, capMs: 200 },
    sessionTimeoutMs: 6_000,
    ...options,
    store,
  })
  running.push({ sink, store })
  await eventually(() => sink.state() !== 'starting', { deadlineMs: 10_000 })
  return { sink, registry }
}

async function publish(id: string, revision: number): Promise<void> {
  const envelope = {
    before: null,
    after: orderRow(id, revision),
    source: { connector: 'postgresql', schema, table: 'orders', lsn: 1, txId: 1, ts_ms: Date.now() },
    op: 'u',
  }
  await producer.publish(topic, [{ key: JSON.stringify({ id }), value: JSON.stringify(envelope) }])
}

async function revisionOf(id: string): Promise<number | undefined> {
  const document = await redis.hget(redisKey(id), 'document')
  return document === null ? undefined : (JSON.parse(document) as { revision: number }).revision
}

async function committedTotal(): Promise<number> {
  const progress = await admin.groupProgress(groupId, topic)
  return progress.reduce((sum, { committed }) => sum + (committed ?? 0), 0)
}

async function untilDrained(): Promise<void> {
  await eventually(async () => (await admin.groupProgress(groupId, topic)).every(({ drained }) => drained), {
    deadlineMs: 20_000,
    what: 'the group has drained its topic',
  })
}

test('an offset is committed only after the store has acknowledged', async () => {
  const id = crypto.randomUUID()
  const reached = Promise.withResolvers<undefined>()
  const acknowledge = Promise.withResolvers<undefined>()
  await startSink({
    store: around(openStore(), async (write, operations) => {
      const result = await write(operations)
      reached.resolve(undefined)
      await acknowledge.promise
      return result
    }),
  })
  await publish(id, 1)
  await reached.promise
  // Several commit intervals of 100 ms go by while the store has the row but has not said so.
  const start = performance.now()
  await eventually(() => performance.now() - start > 500, { deadlineMs: 2_000 })
  expect(await committedTotal()).toBe(0)
  acknowledge.resolve(undefined)
  await untilDrained()
})

test('a sink that dies between write and commit has its records delivered again', async () => {
  const id = crypto.randomUUID()
  await publish(id, 1)
  const died = Promise.withResolvers<unknown>()
  const bug = new Error('dies here')
  await startSink({
    store: around(openStore(), async (write, operations) => {
      await write(operations)
      throw bug
    }),
    fail: died.resolve,
  })
  expect(await died.promise).toBe(bug)
  expect(await committedTotal()).toBe(0)

  const { registry } = await startSink()
  await untilDrained()
  expect(await revisionOf(id)).toBe(1)
  expect(await registry.getSingleMetricAsString('sink_changes_stale_total')).toContain('sink_changes_stale_total 1')
})

test('a poison record is parked with its origin, its reason and its bytes, and the rest goes on', async () => {
  const [before, after] = [crypto.randomUUID(), crypto.randomUUID()]
  await publish(before, 1)
  await producer.publish(topic, [
    { key: 'not json', value: 'not json either', headers: { mine: 'kept' }, partition: 0 },
  ])
  await producer.publish(topic, [{ key: null, value: '{}', partition: 0 }])
  await producer.publish(topic, [{ key: '{"id":"x"}', value: null, partition: 0 }])
  await publish(after, 1)
  const { registry } = await startSink()
  await untilDrained()

  expect([await revisionOf(before), await revisionOf(after)]).toEqual([1, 1])
  const letters: LogRecord[] = []
  await admin.readAll(deadLetterTopic, (record) => letters.push(record))
  expect(letters).toHaveLength(2)
  const [first] = letters
  expect([String(first?.key), String(first?.value)]).toEqual(['not json', 'not json either'])
  expect(
    Object.fromEntries(Object.entries(first?.headers ?? {}).map(([name, value]) => [name, String(value)])),
  ).toMatchObject({
    mine: 'kept',
    '__connect.errors.topic': topic,
    '__connect.errors.partition': '0',
    '__connect.errors.connector.name': 'cache-updater',
    '__connect.errors.stage': 'VALUE_CONVERTER',
    '__connect.errors.class.name': '@driftlab/sink/key-malformed',
    '__connect.errors.exception.message': expect.stringContaining('not JSON'),
  })
  expect(await registry.getSingleMetricAsString('sink_changes_parked_total')).toContain('reason="key-missing"} 1')
})

test('a row that the projection refuses and a key that the store refuses are parked', async () => {
  const [good, badRow, badKey] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]
  await redis.set(redisKey(badKey), 'somebody else keeps a string here')
  await producer.publish(topic, [
    {
      key: JSON.stringify({ id: badRow }),
      value: JSON.stringify({
        after: orderRow(badRow, 1, { status: 'lost' }),
        source: { connector: 'postgresql', schema, table: 'orders', ts_ms: 1 },
        op: 'c',
      }),
    },
  ])
  await publish(badKey, 1)
  await publish(good, 1)
  const { registry } = await startSink()
  await untilDrained()
  expect(await revisionOf(good)).toBe(1)
  const parked = await registry.getSingleMetricAsString('sink_changes_parked_total')
  expect(parked).toContain('reason="projection-failed"} 1')
  expect(parked).toContain('reason="store-refused"} 1')
})

test('while the store is down partitions pause and keep their place in the group; then everything is applied', async () => {
  const ids = Array.from({ length: 20 }, () => crypto.randomUUID())
  for (const id of ids) await publish(id, 1)
  const port = await freePort()
  const throughPort = new URL(redisUrl)
  const target = { host: throughPort.hostname, port: Number(throughPort.port) }
  throughPort.port = String(port)
  const { sink, registry } = await startSink({ store: openStore(throughPort.toString()) })
  await eventually(() => sink.state() === 'paused', { deadlineMs: 10_000 })
  expect(sink.pausedBecause()?.message).toContain('Redis')
  // Longer than the session: only heartbeats keep the member in its group.
  const start = performance.now()
  await eventually(() => performance.now() - start > 7_000, { deadlineMs: 10_000, intervalMs: 500 })
  expect(await admin.isGroupStable(groupId)).toBe(true)
  expect(await committedTotal()).toBe(0)

  await forward(port, target)
  await untilDrained()
  expect(sink.state()).toBe('running')
  expect(await Promise.all(ids.map(revisionOf))).toEqual(ids.map(() => 1))
  expect(await registry.getSingleMetricAsString('sink_retries_total')).not.toContain('sink_retries_total 0')
}, 40_000)

test('a sink that has lost its group says so, joins again and goes on', async () => {
  const id = crypto.randomUUID()
  const { sink } = await startSink()
  await publish(id, 1)
  await untilDrained()
  await loseCoordinator()
  await eventually(() => sink.state() === 'starting', { deadlineMs: 10_000 })
  await publish(id, 2)
  await eventually(() => sink.state() === 'running', { deadlineMs: 30_000 })
  await untilDrained()
  expect(await revisionOf(id)).toBe(2)
}, 60_000)

test('a second instance joins and leaves under load, and every order is as of its last change', async () => {
  const ids = Array.from({ length: 24 }, () => crypto.randomUUID())
  const revisions = new Map<string, number>()
  const publishRound = async (): Promise<void> => {
    for (const id of ids) {
      const revision = (revisions.get(id) ?? 0) + 1
      revisions.set(id, revision)
      await publish(id, revision)
    }
  }
  const first = await startSink()
  await publishRound()
  const second = await startSink()
  const shares = (): readonly number[] => [first, second].map(({ sink }) => sink.assigned().length)
  await eventually(
    async () => {
      await publishRound()
      return shares().every((share) => share === partitionCount / 2)
    },
    { deadlineMs: 20_000, what: 'each instance has half of the partitions' },
  )
  await publishRound()
  await first.sink.stop()
  await publishRound()
  await untilDrained()
  expect(await Promise.all(ids.map(revisionOf))).toEqual(ids.map((id) => revisions.get(id)))
}, 60_000)

async function forward(port: number, target: { readonly host: string; readonly port: number }): Promise<void> {
  const server = createServer((incoming) => {
    const outgoing = connect(target)
    incoming.pipe(outgoing).pipe(incoming)
    for (const socket of [incoming, outgoing]) socket.on('error', () => socket.destroy())
  }).listen(port, target.host)
  servers.push(server)
  await new Promise((resolve) => server.once('listening', resolve))
}
