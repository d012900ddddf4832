/**
 * A lane that is fed through a log: a real replication slot, a real topic and real consumer groups, all of this test's
 * own. The test plays the connector (it publishes and advances the slot) and the sinks, so that it decides when each of
 * them falls behind.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { connectLog, type Consumption, type LogAdmin, type LogProducer } from '@driftlab/kafka'
import { beginTransaction } from '@driftlab/kafka/testing'
import { createMetrics } from '@driftlab/service'
import { eventually, testSettings } from '@driftlab/stores/testing'
import { audit, type AuditOptions } from './audit.ts'
import { startFollowing } from './live/follow.ts'
import type { LaneFollower } from './live/lane-follower.ts'
import type { LaneReport } from './report.ts'
import type { Specification } from './specification.ts'
import { createThrowAwayLane, storeNames, type StoreName, type ThrowAwayLane } from './throw-away-lane.ts'
import { startWatch, type WatchOptions } from './watch.ts'

jest.setTimeout(60_000)

let lane: ThrowAwayLane
let specification: Specification
let keys: readonly string[]
let admin: LogAdmin
let producer: LogProducer
let topic: string
let slot: string
const sinks: Consumption[] = []
/** A sink that is held does not take a record; one that is broken takes it and writes nothing. */
const conduct: Record<StoreName, 'works' | 'held' | 'broken'> = {
  redis: 'works',
  elasticsearch: 'works',
  clickhouse: 'works',
}

const group = (store: StoreName): string => `${lane.name}-${store}`
const deadLetters = (store: StoreName): string => `${lane.name}.dead-letters.${store}`

beforeAll(async () => {
  lane = await createThrowAwayLane({ kind: 'bounded', inFlightMaxMs: 1 })
  topic = `${lane.name}.orders`
  slot = `${lane.schema}_slot`
  specification = lane.withSettles({
    kind: 'log',
    slot,
    topic,
    sinks: Object.fromEntries(
      storeNames.map((store) => [store, { group: group(store), deadLetters: deadLetters(store) }]),
    ),
  })
  const log = connectLog({ brokers: testSettings().kafkaBrokers, clientId: lane.name })
  admin = await log.connectAdmin()
  producer = await log.connectProducer()
  await admin.createTopics(
    [topic, ...storeNames.map(deadLetters)].map((name) => ({ name, partitions: 2, replicationFactor: 1 })),
  )
  await lane.sql(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slot])
  for (const store of storeNames) {
    sinks.push(
      await log.consume({
        groupId: group(store),
        topics: [topic],
        fetch: { minBytes: 1, maxWaitMs: 50, maxBytesPerPartition: 1_000_000 },
        concurrency: 2,
        onBatch: async ({ records }) => {
          await eventually(() => conduct[store] !== 'held', { deadlineMs: 30_000, what: `${store} let go` })
          if (conduct[store] === 'works') {
            await lane.copy(
              records.map(({ key }) => String(key)),
              [store],
            )
          }
          return 'processed'
        },
        onFailure: (error) => {
          throw error
        },
      }),
    )
  }
  keys = await lane.insertRows(50)
  await lane.copy(keys)
  await publish(keys)
  // A sink copies a row as it is when its turn comes, so none may still be at it when the first test changes one.
  await drained()
})

afterAll(async () => {
  // A test that failed may have left one held.
  for (const store of storeNames) conduct[store] = 'works'
  for (const sink of sinks) await sink.stop()
  await lane.sql('select pg_drop_replication_slot($1)', [slot])
  await producer.close()
  await admin.deleteTopics([topic, ...storeNames.map(deadLetters)])
  await admin.deleteGroups(storeNames.map(group))
  await admin.close()
  await lane.drop()
})

beforeEach(() => {
  for (const store of storeNames) conduct[store] = 'works'
})

async function drained(): Promise<void> {
  for (const store of storeNames) {
    await eventually(
      async () => (await admin.groupProgress(group(store), topic)).every((partition) => partition.drained),
      {
        deadlineMs: 30_000,
        what: `${store} has drained the topic`,
      },
    )
  }
}

const publish = (changed: readonly string[]): Promise<void> =>
  producer.publish(
    topic,
    changed.map((key) => ({ key, value: '{}' })),
  )
const confirm = (): Promise<void> =>
  lane.sql('select pg_replication_slot_advance($1, pg_current_wal_flush_lsn())', [slot])
const change = (key: string): Promise<void> =>
  lane.sql(`update LANE.orders set note = note || ' changed' where id = $1`, [key])

async function auditLane(options: Partial<AuditOptions> = {}): Promise<LaneReport> {
  const connections = { ...lane.connections, kafkaBrokers: testSettings().kafkaBrokers }
  const report = await audit({ specification, connections, deadlineMs: 15_000, examplesMax: 100, ...options })
  const found = report.lanes[lane.name]
  if (found === undefined) throw new Error('the report lacks the lane')
  return found
}

/** A connector that is alive: it confirms whatever is written, until the audit has ended. */
async function auditWithConnector(options: Partial<AuditOptions> = {}): Promise<LaneReport> {
  const stopping = new AbortController()
  const connector = (async () => {
    while (!stopping.signal.aborted) await confirm()
  })()
  try {
    return await auditLane(options)
  } finally {
    stopping.abort()
    await connector
  }
}

it('changes that the connector, then a sink, has yet to carry are waited for, and are no divergence', async () => {
  for (const store of storeNames) conduct[store] = 'held'
  for (const key of keys.slice(0, 5)) await change(key)
  const waits: string[] = []
  const report = await auditLane({
    onProgress: ({ message }) => {
      waits.push(message)
      if (message.includes('short of')) void publish(keys.slice(0, 5)).then(confirm)
      if (message.includes('records behind')) for (const store of storeNames) conduct[store] = 'works'
    },
  })
  expect(report).toMatchObject({ verdict: 'consistent', doubts: [], sourceRows: 50 })
  expect(report.watermark).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/)
  expect(waits.join('\n')).toMatch(/bytes short of [\s\S]*records behind/)
})

it('a change in a transaction that is not decided yet is waited for, and is no divergence', async () => {
  const [key = ''] = keys.slice(5)
  await change(key)
  const transaction = await beginTransaction(testSettings().kafkaBrokers, topic, [{ key, value: '{}' }])
  let committed: Promise<void> | undefined
  const report = await auditWithConnector({
    onProgress: ({ message }) => {
      if (message.includes('records behind')) committed ??= transaction.commit()
    },
  })
  await committed
  expect(report).toMatchObject({ verdict: 'consistent', doubts: [] })
  expect(committed).toBeDefined()
})

it('a change that a sink took and never wrote is stale; with a dead letter it is parked', async () => {
  const [lost = '', parked = ''] = keys.slice(10)
  conduct.redis = 'broken'
  await change(lost)
  await change(parked)
  await publish([lost, parked])
  await producer.publish(deadLetters('redis'), [
    {
      key: JSON.stringify({ id: parked }),
      value: 'poison',
      headers: {
        '__connect.errors.topic': topic,
        '__connect.errors.partition': '1',
        '__connect.errors.offset': '7',
        '__connect.errors.exception.message': 'not JSON',
      },
    },
    { key: null, value: 'no key', headers: { '__connect.errors.exception.message': 'no key' } },
  ])
  const report = await auditWithConnector()
  expect(report).toMatchObject({
    verdict: 'diverged',
    stores: {
      redis: {
        verdict: 'diverged',
        divergences: { stale: 1, parked: 1, missing: 0, corrupt: 0, phantom: 0, resurrected: 0 },
        parkedRecords: { count: 2, reasons: { 'not JSON': 1, 'no key': 1 } },
      },
      elasticsearch: { verdict: 'consistent', divergedKeys: 0 },
      clickhouse: { verdict: 'consistent', divergedKeys: 0 },
    },
  })
  expect(report.stores['redis']?.parkedRecords.samples).toContainEqual({
    key: parked,
    topic,
    partition: 1,
    offset: 7,
    reason: 'not JSON',
  })
  expect(report.examples.map(({ key, stores }) => [key, stores['redis']?.status])).toEqual(
    expect.arrayContaining([
      [lost, 'stale'],
      [parked, 'parked'],
    ]),
  )
  await lane.copy([lost, parked])
})

it('a connector that never confirms leaves the verdict unknown, with the distance', async () => {
  const [key = ''] = keys.slice(20)
  await change(key)
  const report = await auditLane({ deadlineMs: 500 })
  expect(report).toMatchObject({ verdict: 'unknown', stores: { redis: { divergedKeys: 0, undeterminedKeys: 1 } } })
  expect(report.doubts.join()).toMatch(/is \d+ bytes short of .* no connector reads it/)
  await publish([key])
  expect(await auditWithConnector()).toMatchObject({ verdict: 'consistent' })
})

it('a sink that stands still leaves its own store unknown, and no other', async () => {
  const [key = ''] = keys.slice(30)
  conduct.elasticsearch = 'held'
  await change(key)
  await publish([key])
  const report = await auditWithConnector({ deadlineMs: 2_000 })
  expect(report).toMatchObject({
    verdict: 'unknown',
    stores: {
      redis: { verdict: 'consistent' },
      elasticsearch: { verdict: 'unknown', divergedKeys: 0, undeterminedKeys: 1 },
      clickhouse: { verdict: 'consistent' },
    },
  })
  expect(report.doubts.join()).toMatch(/records behind/)
  conduct.elasticsearch = 'works'
  expect(await auditWithConnector()).toMatchObject({ verdict: 'consistent' })
})

it('while writes go on and all arrive, none is accused', async () => {
  const stopping = new AbortController()
  let writes = 0
  const writer = (async () => {
    while (!stopping.signal.aborted) {
      const key = keys[writes % 10] ?? ''
      await change(key)
      await publish([key])
      writes += 1
    }
  })()
  try {
    let watermarks = 0
    for (let run = 0; run < 4 || writes < 100; run += 1) {
      const report = await auditWithConnector()
      expect(report).toMatchObject({ verdict: 'consistent', doubts: [], examples: [] })
      if (report.watermark !== null) watermarks += 1
    }
    // Else nothing ever differed at first sight, and the second look went untested.
    expect(watermarks).toBeGreaterThan(0)
  } finally {
    stopping.abort()
    await writer
  }
})

it('without Kafka, a difference cannot be told from a delay', async () => {
  const [key = ''] = keys.slice(40)
  await change(key)
  const connections = { ...lane.connections, kafkaBrokers: ['127.0.0.1:9'] }
  const report = await auditWithConnector({ connections, timeoutMs: 1_500 })
  expect(report).toMatchObject({ verdict: 'unknown', stores: { redis: { divergedKeys: 0, undeterminedKeys: 1 } } })
  expect(report.doubts.join()).toContain('Kafka')
})

describe('the follower', () => {
  async function whileFollowing(task: (follower: LaneFollower) => Promise<void>): Promise<void> {
    const follow = startFollowing({
      specification,
      lanes: [lane.name],
      connections: { ...lane.connections, kafkaBrokers: testSettings().kafkaBrokers },
      intervalMs: 50,
      timeoutMs: 2_000,
      metrics: createMetrics({ service: 'auditor' }),
      onFailure: (error) => {
        throw error
      },
    })
    const confirming = setInterval(() => void confirm().catch(() => undefined), 100)
    const follower = follow.lanes.get(lane.name)
    if (follower === undefined) throw new Error('the lane is not followed')
    try {
      await task(follower)
    } finally {
      clearInterval(confirming)
      await follow.stop()
    }
  }

  it('lists what a sink lost, and nothing that a sink is merely behind with', async () => {
    const [lost = '', late = ''] = keys.slice(30)
    // What the tests before this one kept from the stores.
    await publish(keys)
    await drained()
    await whileFollowing(async (follower) => {
      const listed = (): readonly string[] => follower.list.newest(100).map(({ key }) => key)
      await eventually(() => follower.now().lookedAtMs !== null, { deadlineMs: 10_000, what: 'a first turn' })
      conduct.clickhouse = 'broken'
      await change(lost)
      await publish([lost])
      await eventually(() => listed().includes(lost), { deadlineMs: 30_000, what: 'the lost one listed' })
      expect(follower.now().stores).toMatchObject({
        clickhouse: { verdict: 'diverged', divergences: { stale: 1 } },
        redis: { divergedKeys: 0 },
      })
      conduct.clickhouse = 'works'

      conduct.redis = 'held'
      await change(late)
      await publish([late])
      const behind = (): boolean => follower.now().stores['redis']?.doubts.join().includes('behind') ?? false
      await eventually(behind, { deadlineMs: 30_000, what: 'a doubt that redis is behind' })
      expect(follower.now().stores['redis']).toMatchObject({ verdict: 'unknown', divergedKeys: 0 })
      expect(listed()).toEqual([lost])

      conduct.redis = 'works'
      await publish([lost])
      await eventually(() => listed().length === 0 && follower.now().verdict === 'consistent', {
        deadlineMs: 30_000,
        what: 'healed',
      })
    })
  })
})

describe('the watch', () => {
  /** Watches the lane while `task` runs, which can ask for the metrics and for what could not be seen. */
  async function whileWatching(
    options: Partial<WatchOptions>,
    task: (shown: () => Promise<string>, doubts: readonly string[]) => Promise<void>,
  ): Promise<void> {
    const metrics = createMetrics({ service: 'auditor' })
    const doubts: string[] = []
    const watch = startWatch({
      specification,
      lanes: [lane.name],
      connections: { ...lane.connections, kafkaBrokers: testSettings().kafkaBrokers },
      intervalMs: 50,
      timeoutMs: 2_000,
      metrics,
      onDoubt: (doubt) => doubts.push(doubt),
      onFailure: (error) => {
        throw error
      },
      ...options,
    })
    try {
      await task(() => metrics.registry.metrics(), doubts)
    } finally {
      await watch.stop()
    }
  }

  const lagOf = (text: string, store: StoreName): number | undefined => {
    const line = text
      .split('\n')
      .find((sample) => sample.startsWith('driftlab_group_lag') && sample.includes(`"${store}"`))
    return line === undefined ? undefined : Number(line.split(' ').at(-1))
  }

  it('sees the lag of a sink that takes nothing, and of no other', async () => {
    const [key = ''] = keys.slice(45)
    await whileWatching({}, async (shown) => {
      await eventually(async () => lagOf(await shown(), 'redis') === 0, { deadlineMs: 10_000, what: 'no lag' })
      conduct.redis = 'held'
      await publish([key, key, key])
      await eventually(
        async () => {
          const text = await shown()
          return (lagOf(text, 'redis') ?? 0) >= 3 && lagOf(text, 'clickhouse') === 0
        },
        { deadlineMs: 10_000, what: 'lag of the held sink alone' },
      )
      conduct.redis = 'works'
      await eventually(async () => lagOf(await shown(), 'redis') === 0, { deadlineMs: 10_000, what: 'no lag again' })
    })
  })

  it('sees a slot that nobody reads, and how much of the log it keeps', async () => {
    await confirm()
    await whileWatching({}, async (shown) => {
      const unconfirmed = async (): Promise<number | undefined> => {
        const sample = /^driftlab_slot_unconfirmed_wal_bytes\{.*\} (\d+)$/mu.exec(await shown())
        return sample === null ? undefined : Number(sample[1])
      }
      const before = await eventually(unconfirmed, { deadlineMs: 10_000, what: 'a first look' })
      await change(keys[46] ?? '')
      await eventually(async () => ((await unconfirmed()) ?? 0) > before, {
        deadlineMs: 10_000,
        what: 'bytes unconfirmed',
      })
      const text = await shown()
      expect(text).toMatch(/^driftlab_slot_state\{.*state="inactive".*\} 1$/mu)
      expect(text).toMatch(/^driftlab_slot_retained_wal_bytes\{.*\} [1-9]\d*$/mu)
    })
  })

  it('shows no old figures of what it cannot see', async () => {
    const postgresUrl = (lane.connections.postgresUrl ?? '').replace(/@[^/]+/u, '@127.0.0.1:9')
    const connections = { ...lane.connections, postgresUrl, kafkaBrokers: ['127.0.0.1:9'] }
    await whileWatching({ connections, timeoutMs: 500 }, async (shown, doubts) => {
      await eventually(() => doubts.length > 0, { deadlineMs: 10_000, what: 'a doubt' })
      const text = await shown()
      expect(text).toMatch(/^driftlab_slot_state\{.*state="unknown".*\} 1$/mu)
      expect(text).not.toMatch(/^driftlab_(slot_\w+_bytes|group_lag_records)\{/mu)
    })
  })
})
