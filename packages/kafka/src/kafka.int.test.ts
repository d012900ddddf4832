import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { eventually, testSettings } from '@driftlab/stores/testing'
import {
  connectLog,
  type Consumption,
  type ConsumeOptions,
  type LogAdmin,
  type LogBatch,
  type LogProducer,
} from './index.ts'
import { beginTransaction, loseCoordinator, type OpenTransaction } from './testing.ts'

const { kafkaBrokers } = testSettings()
const log = connectLog({ brokers: kafkaBrokers, clientId: 'kafka-int-test' })
const fetch = { minBytes: 1, maxWaitMs: 50, maxBytesPerPartition: 1_000_000 }

let admin: LogAdmin
let producer: LogProducer
const consumptions: Consumption[] = []
const topics: string[] = []
const groups: string[] = []

beforeAll(async () => {
  admin = await log.connectAdmin()
  producer = await log.connectProducer()
})
afterEach(async () => {
  for (const consumption of consumptions.splice(0)) await consumption.stop()
})
afterAll(async () => {
  await admin.deleteGroups(groups)
  await admin.deleteTopics(topics)
  await admin.close()
  await producer.close()
})

async function createTopic(partitions = 1): Promise<string> {
  const name = `t-${crypto.randomUUID()}`
  topics.push(name)
  await admin.createTopics([{ name, partitions }])
  return name
}

function newGroup(): string {
  const group = `t-${crypto.randomUUID()}`
  groups.push(group)
  return group
}

async function consume(
  options: Pick<ConsumeOptions, 'groupId' | 'topics' | 'onBatch'> & Partial<ConsumeOptions>,
): Promise<Consumption> {
  const consumption = await log.consume({
    fetch,
    concurrency: 4,
    onFailure: (error) => {
      throw error
    },
    ...options,
  })
  consumptions.push(consumption)
  return consumption
}

const begin = (topic: string, values: readonly string[]): Promise<OpenTransaction> =>
  beginTransaction(
    kafkaBrokers,
    topic,
    values.map((value) => ({ key: value, value, partition: 0 })),
  )

async function transact(topic: string, values: readonly string[], end: 'commit' | 'abort'): Promise<void> {
  const transaction = await begin(topic, values)
  await transaction[end]()
}

describe('what a group has drained', () => {
  test('a group that read every record of a transactional topic is committed at its end, markers included', async () => {
    const topic = await createTopic()
    const groupId = newGroup()
    await transact(topic, ['a', 'b'], 'commit')
    const seen: string[] = []
    await consume({ groupId, topics: [topic], onBatch: collectInto(seen) })
    await eventually(async () => (await admin.groupProgress(groupId, topic)).every(({ drained }) => drained), {
      deadlineMs: 10_000,
    })

    await transact(topic, ['lost'], 'abort')
    await transact(topic, ['c'], 'commit')
    await transact(topic, ['lost too'], 'abort')
    // 3 + 2 + 2 + 2: each transaction ends with a marker that takes an offset, written after the producer's call returns.
    await eventually(async () => (await admin.ranges(topic)).every(({ end }) => end === 9), { deadlineMs: 10_000 })
    await eventually(async () => (await admin.groupProgress(groupId, topic)).every(({ drained }) => drained), {
      deadlineMs: 10_000,
    })
    const [progress] = await admin.groupProgress(groupId, topic)
    expect(seen).toEqual(['a', 'b', 'c'])
    expect(progress).toMatchObject({ start: 0, end: 9, committed: 9, lagRecords: 0, drained: true })
  })

  test('the end does not count what an open transaction has written, and the head does', async () => {
    const topic = await createTopic()
    await transact(topic, ['a'], 'commit')
    const open = await begin(topic, ['later'])
    expect(await admin.ranges(topic)).toEqual([{ partition: 0, start: 0, end: 2 }])
    expect(await admin.heads(topic)).toEqual(new Map([[0, 3]]))
    await open.commit()
    await eventually(async () => (await admin.ranges(topic))[0]?.end === 4, { deadlineMs: 5_000 })
  })

  test('a group that never committed is drained only where there is nothing to read', async () => {
    const topic = await createTopic(2)
    await producer.publish(topic, [{ key: 'a', value: 'a', partition: 1 }])
    expect(await admin.groupProgress(newGroup(), topic)).toMatchObject([
      { partition: 0, committed: null, drained: true },
      { partition: 1, committed: null, lagRecords: 1, drained: false },
    ])
  })
})

describe('consuming', () => {
  test('a postponed batch comes again from the same offset once resumed, and is not committed meanwhile', async () => {
    const topic = await createTopic()
    const groupId = newGroup()
    await producer.publish(topic, [{ key: 'a', value: 'a' }])
    const offsets: number[] = []
    const consumption = await consume({
      groupId,
      topics: [topic],
      onBatch: ({ records }) => {
        offsets.push(...records.map(({ offset }) => offset))
        return Promise.resolve(offsets.length === 1 ? 'postponed' : 'processed')
      },
    })
    await eventually(() => consumption.paused().length === 1, { deadlineMs: 10_000 })
    expect(await admin.groupProgress(groupId, topic)).toMatchObject([{ committed: null }])
    consumption.resume([{ topic, partition: 0 }])
    await eventually(async () => (await admin.groupProgress(groupId, topic))[0]?.committed === 1, {
      deadlineMs: 10_000,
    })
    expect(offsets).toEqual([0, 0])
  })

  test('stopping waits for the batch in flight and commits it', async () => {
    const topic = await createTopic()
    const groupId = newGroup()
    await producer.publish(topic, [{ key: 'a', value: 'a' }])
    const started = Promise.withResolvers<undefined>()
    const finish = Promise.withResolvers<undefined>()
    const consumption = await consume({
      groupId,
      topics: [topic],
      onBatch: async () => {
        started.resolve(undefined)
        await finish.promise
        return 'processed'
      },
    })
    await started.promise
    const stopped = consumption.stop()
    finish.resolve(undefined)
    await stopped
    expect(await admin.groupProgress(groupId, topic)).toMatchObject([{ committed: 1, drained: true }])
    const described = await admin.isGroupStable(groupId)
    expect(described).toBe(false)
  })

  test('a handler that throws ends consumption and commits nothing', async () => {
    const topic = await createTopic()
    const groupId = newGroup()
    await producer.publish(topic, [{ key: 'a', value: 'a' }])
    const failure = Promise.withResolvers<unknown>()
    const bug = new Error('a bug')
    let calls = 0
    await consume({
      groupId,
      topics: [topic],
      onBatch: () => {
        calls += 1
        return Promise.reject(bug)
      },
      onFailure: failure.resolve,
    })
    expect(await failure.promise).toBe(bug)
    expect(calls).toBe(1)
    expect(await admin.groupProgress(groupId, topic)).toMatchObject([{ committed: null }])
  })

  test('a broker that goes away between saying that it coordinates no more and who does is a pause', async () => {
    const topic = await createTopic()
    const groupId = newGroup()
    const values: string[] = []
    const told: string[] = []
    await consume({
      groupId,
      topics: [topic],
      sessionTimeoutMs: 6_000,
      onBatch: ({ records }) => {
        values.push(...records.map(({ value }) => String(value)))
        return Promise.resolve('processed')
      },
      onAssigned: () => told.push('assigned'),
      onLost: () => told.push('lost'),
      onFailure: () => told.push('failed'),
    })
    await producer.publish(topic, [{ key: 'a', value: 'before' }])
    await eventually(() => values.length === 1, { deadlineMs: 10_000, what: 'the first record is read' })

    await loseCoordinator()
    await producer.publish(topic, [{ key: 'a', value: 'after' }])
    await eventually(() => values.includes('after'), { deadlineMs: 15_000, what: 'the group reads on' })
    expect(told).toEqual(['assigned', 'lost', 'assigned'])
  }, 60_000)

  test('a partition that is revoked is committed first: what the group did is not done again by whoever gets it', async () => {
    const topic = await createTopic(2)
    const groupId = newGroup()
    const publish = (values: readonly string[]): Promise<void> =>
      producer.publish(
        topic,
        values.map((value, partition) => ({ key: 'k', value, partition })),
      )
    // The clock commits nothing in this test.
    const options = { groupId, topics: [topic], sessionTimeoutMs: 6_000, commitIntervalMs: 600_000 }
    const seen: string[] = []
    const finish = Promise.withResolvers<undefined>()
    await publish(['a', 'b'])
    const first = await consume({
      ...options,
      onBatch: async (batch) => {
        seen.push(...batch.records.map(({ value }) => String(value)))
        await finish.promise
        return 'processed'
      },
    })
    await eventually(() => seen.length === 2, { deadlineMs: 10_000, what: 'both partitions are being worked on' })
    const joining = consume({ ...options, onBatch: collectInto(seen) })
    await eventually(async () => !(await admin.isGroupStable(groupId)), { deadlineMs: 10_000 })
    // Two heartbeats later the first member has been told.
    const start = performance.now()
    await eventually(() => performance.now() - start > 2_600, { deadlineMs: 5_000 })
    finish.resolve(undefined)
    const second = await joining
    await eventually(() => first.assigned().length === 1 && second.assigned().length === 1, { deadlineMs: 10_000 })
    await publish(['c', 'd'])
    await eventually(() => seen.includes('c') && seen.includes('d'), { deadlineMs: 10_000 })
    expect(seen.toSorted()).toEqual(['a', 'b', 'c', 'd'])
  }, 60_000)

  test('a second member takes partitions over and no record is lost', async () => {
    const topic = await createTopic(4)
    const groupId = newGroup()
    const seen = new Set<string>()
    const onBatch = (batch: LogBatch): Promise<'processed'> => {
      for (const { value } of batch.records) seen.add(String(value))
      return Promise.resolve('processed')
    }
    const first = await consume({ groupId, topics: [topic], onBatch, sessionTimeoutMs: 6_000 })
    let sent = 0
    const send = async (): Promise<void> => {
      await producer.publish(
        topic,
        Array.from({ length: 50 }, () => ({ key: `k${sent % 16}`, value: `v${sent++}` })),
      )
    }
    await send()
    const second = await consume({ groupId, topics: [topic], onBatch, sessionTimeoutMs: 6_000 })
    await eventually(
      async () => {
        await send()
        return first.assigned().length === 2 && second.assigned().length === 2
      },
      { deadlineMs: 20_000 },
    )
    await second.stop()
    await send()
    await eventually(() => seen.size === sent, { deadlineMs: 20_000 })
  }, 60_000)
})

test('a whole topic is read up to its end, whatever markers lie in it', async () => {
  const topic = await createTopic()
  await transact(topic, ['a', 'b'], 'commit')
  await transact(topic, ['lost'], 'abort')
  const values: string[] = []
  await admin.readAll(topic, ({ value }) => values.push(String(value)))
  expect(values).toEqual(['a', 'b'])
})

function collectInto(values: string[]): ConsumeOptions['onBatch'] {
  return ({ records }) => {
    values.push(...records.map(({ value }) => String(value)))
    return Promise.resolve('processed')
  }
}

test('of two producers with one transactional id, only the one that was connected last can publish', async () => {
  const topic = await createTopic()
  const transactionalId = `t-${crypto.randomUUID()}`
  const former = await log.connectProducer({ transactionalId })
  const successor = await log.connectProducer({ transactionalId })
  try {
    await expect(former.publish(topic, [{ key: 'a', value: 'too late' }])).rejects.toThrow()
    await successor.publish(topic, [{ key: 'a', value: '1' }])
    await successor.publish(topic, [{ key: 'a', value: '2' }])
    // A commit is answered before its marker lets readers see it.
    const values = await eventually(
      async () => {
        const read: string[] = []
        await admin.readAll(topic, ({ value }) => read.push(String(value)))
        return read.length >= 2 && read
      },
      { deadlineMs: 10_000, what: 'both records can be read' },
    )
    expect(values).toEqual(['1', '2'])
  } finally {
    await former.close()
    await successor.close()
  }
}, 30_000)
