/**
 * Relays on a real database and a real log. Transactions are left open on purpose, which is what a busy database does
 * all the time by itself.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { connectLog, type Log, type LogAdmin, type LogProducer } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'
import { createLogger } from '@driftlab/service'
import { connectPostgres, type Postgres, type PostgresClient } from '@driftlab/stores'
import { eventually, testSettings, throwAwayLane } from '@driftlab/stores/testing'
import { addChangeTable, addOutbox, createLane, dropLane } from '../../../infra/postgres/lane.ts'
import { readers, type ReaderName } from './reader.ts'
import { runRelay, type Relay, type RelayOptions } from './relay.ts'
import { tableOf } from './table.ts'

const settings = testSettings()
const log = connectLog({ brokers: settings.kafkaBrokers, clientId: 'relay-int-test' })
const lane = throwAwayLane()
const { schema } = laneNames(lane)

let admin: LogAdmin
let postgres: Postgres
let topic: string
const topics: string[] = []
const relays: { readonly relay: Relay; readonly postgres: Postgres }[] = []
const writers: PostgresClient[] = []

beforeAll(async () => {
  admin = await log.connectAdmin()
  postgres = connectPostgres(settings.postgresUrl)
  await createLane(postgres, schema)
  await addOutbox(postgres, schema)
  await addChangeTable(postgres, schema)
}, 30_000)
beforeEach(async () => {
  topic = `t-${randomUUID()}.orders`
  topics.push(topic)
  await admin.createTopics([{ name: topic, partitions: 1 }])
})
afterEach(async () => {
  for (const client of writers.splice(0)) client.release(true)
  for (const each of relays.splice(0)) {
    await each.relay.stop()
    await each.postgres.end()
  }
  await postgres.query(`truncate ${schema}.outbox, ${schema}.order_changes`)
}, 30_000)
afterAll(async () => {
  await admin.deleteTopics(topics)
  await admin.close()
  await dropLane(postgres, schema)
  await postgres.end()
}, 30_000)

/** With the rights that the relay really has. */
function asRelay(): Postgres {
  const url = new URL(settings.postgresUrl)
  url.username = settings.variables['POSTGRES_RELAY_USER'] ?? ''
  url.password = settings.variables['POSTGRES_RELAY_PASSWORD'] ?? ''
  return connectPostgres(url.toString(), { connectionsMax: 1 })
}

async function start(reader: ReaderName, options: Partial<RelayOptions> = {}): Promise<Relay> {
  const own = asRelay()
  const relay = runRelay({
    postgres: own,
    log,
    reader: readers[reader],
    table: tableOf(lane, 'outbox'),
    topic,
    batchSizeMax: 3,
    pollIntervalMs: 5,
    logger: createLogger('relay-int-test', 'silent'),
    onPublished: () => undefined,
    ...options,
  })
  relays.push({ relay, postgres: own })
  await eventually(() => relay.state() !== 'starting', { deadlineMs: 15_000 })
  return relay
}

async function begin(): Promise<PostgresClient> {
  const client = await postgres.connect()
  writers.push(client)
  await client.query('begin')
  return client
}

async function tell(client: PostgresClient | Postgres, key: string, event: string): Promise<void> {
  await client.query(
    `insert into ${schema}.outbox (aggregatetype, aggregateid, type, payload) values ('order', $1, $2, $3)`,
    [key, event, JSON.stringify({ event })],
  )
}

async function published(): Promise<readonly string[]> {
  const events: string[] = []
  await admin.readAll(topic, ({ key, value }) => {
    const { event } = JSON.parse(String(value)) as { event: string }
    events.push(`${String(key)}: ${event}`)
  })
  return events
}

/** What is published once `count` records are; fewer when no more come. */
async function publishedOnce(count: number): Promise<readonly string[]> {
  return await eventually(
    async () => {
      const events = await published()
      return events.length >= count && events
    },
    { deadlineMs: 15_000, what: `${count} records on ${topic}` },
  )
}

const right = ['take', 'snapshot'] as const satisfies readonly ReaderName[]
const lossless = [...right, 'horizon'] as const satisfies readonly ReaderName[]
const all = [...lossless, 'after-id'] as const satisfies readonly ReaderName[]

test.each(all)('%s publishes what commits, in its order, and nothing of what is rolled back', async (reader) => {
  await start(reader)
  for (let revision = 1; revision <= 8; revision += 1) await tell(postgres, 'a', String(revision))
  const never = await begin()
  await tell(never, 'a', 'never')
  await never.query('rollback')
  await tell(postgres, 'a', '9')
  expect(await publishedOnce(9)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((revision) => `a: ${revision}`))
})

describe('a row whose transaction commits late', () => {
  async function commitLate(reader: ReaderName): Promise<readonly string[]> {
    await start(reader)
    const late = await begin()
    await tell(late, 'late', '1')
    await tell(postgres, 'early', '1')
    // Those that wait for the horizon publish nothing before the late one is through.
    if (reader !== 'horizon') await publishedOnce(1)
    await late.query('commit')
    await tell(postgres, 'after', '1')
    await eventually(async () => (await published()).includes('after: 1'), { deadlineMs: 15_000 })
    return await published()
  }

  test.each(lossless)('is published by %s', async (reader) => {
    expect((await commitLate(reader)).toSorted()).toEqual(['after: 1', 'early: 1', 'late: 1'])
  })

  test('is lost by after-id', async () => {
    expect(await commitLate('after-id')).toEqual(['early: 1', 'after: 1'])
  })
})

describe('when the transaction that began first is the second to write an order', () => {
  /** `first` has its transaction id before `second`, which writes the order before it. */
  async function overtake(): Promise<void> {
    const first = await begin()
    await tell(first, 'other', '1')
    const second = await begin()
    await tell(second, 'a', '1')
    await second.query('commit')
    await tell(first, 'a', '2')
    await first.query('commit')
  }
  const ofA = (events: readonly string[]): readonly string[] => events.filter((event) => event.startsWith('a'))

  test.each(right)('%s publishes its rows in their order', async (reader) => {
    await overtake()
    await start(reader)
    expect(ofA(await publishedOnce(3))).toEqual(['a: 1', 'a: 2'])
  })

  test('horizon publishes the newer row before the older', async () => {
    await overtake()
    await start('horizon')
    expect(ofA(await publishedOnce(3))).toEqual(['a: 2', 'a: 1'])
  })
})

/** The real log, with something happening around each `publish`. */
function around(publish: (real: LogProducer['publish']) => LogProducer['publish']): Log {
  return {
    ...log,
    connectProducer: async (options) => {
      const producer = await log.connectProducer(options)
      return { ...producer, publish: publish((...batch) => producer.publish(...batch)) }
    },
  }
}

/** As the server sees it when a relay's process dies or its network does. */
async function cutOff(): Promise<void> {
  await postgres.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
    settings.variables['POSTGRES_RELAY_USER'],
  ])
}

test.each(lossless)(
  'when %s dies before it has published, and again before it knows that it has, nothing is lost and the last word stays',
  async (reader) => {
    let turn = 0
    const dying = around((publish) => async (...batch) => {
      turn += 1
      if (turn > 1) await publish(...batch)
      if (turn <= 2) await cutOff()
      if (turn === 1) throw new Error('died before it published')
    })
    for (let revision = 1; revision <= 5; revision += 1) await tell(postgres, 'a', String(revision))
    await start(reader, { log: dying })
    const events = await eventually(
      async () => {
        const seen = await published()
        return seen.at(-1) === 'a: 5' && seen
      },
      { deadlineMs: 20_000 },
    )
    const firsts = [...new Set(events)]
    expect(firsts).toEqual([1, 2, 3, 4, 5].map((revision) => `a: ${revision}`))
    expect(events.length).toBeGreaterThan(firsts.length)
  },
  30_000,
)

test.each(right)('%s publishes a row that appears while others are being published', async (reader) => {
  const late = await begin()
  await tell(late, 'late', '1')
  await tell(postgres, 'early', '1')
  let turn = 0
  const committing = around((publish) => async (...batch) => {
    turn += 1
    if (turn === 1) await late.query('commit')
    await publish(...batch)
  })
  await start(reader, { log: committing })
  await tell(postgres, 'after', '1')
  await eventually(async () => (await published()).includes('after: 1'), { deadlineMs: 15_000 })
  expect((await published()).toSorted()).toEqual(['after: 1', 'early: 1', 'late: 1'])
})

test('a relay that was cut off and does not know it cannot publish after its successor', async () => {
  await tell(postgres, 'a', '1')
  const reached = Promise.withResolvers<undefined>()
  const released = Promise.withResolvers<undefined>()
  const ended: string[] = []
  await start('take', {
    log: around((publish) => async (...batch) => {
      reached.resolve(undefined)
      await released.promise
      await publish(...batch).then(
        () => ended.push('published'),
        () => ended.push('refused'),
      )
      throw new Error('its session is over')
    }),
  })
  await reached.promise
  await cutOff()
  await start('take')
  await tell(postgres, 'a', '2')
  expect(await publishedOnce(2)).toEqual(['a: 1', 'a: 2'])
  released.resolve(undefined)
  await eventually(() => ended.length > 0, { deadlineMs: 15_000 })
  expect(ended[0]).toBe('refused')
  expect((await published()).at(-1)).toBe('a: 2')
}, 30_000)

test.each(all)('%s goes on where it stopped', async (reader) => {
  const first = await start(reader)
  await tell(postgres, 'a', '1')
  await publishedOnce(1)
  await first.stop()
  await tell(postgres, 'a', '2')
  await start(reader)
  expect(await publishedOnce(2)).toEqual(['a: 1', 'a: 2'])
})

test('of two relays of one topic one works, and the other takes over when it goes', async () => {
  const first = await start('take')
  await eventually(() => first.state() === 'relaying', { deadlineMs: 10_000 })
  const second = await start('take')
  expect(second.state()).toBe('waiting')
  await tell(postgres, 'a', '1')
  await publishedOnce(1)
  expect(second.state()).toBe('waiting')
  await first.stop()
  await tell(postgres, 'a', '2')
  expect(await publishedOnce(2)).toEqual(['a: 1', 'a: 2'])
  expect(second.state()).toBe('relaying')
}, 30_000)

test('a change table is published with whole rows, under the key of the order', async () => {
  await start('take', { table: tableOf(lane, 'order_changes') })
  const id = randomUUID()
  await postgres.query(
    `insert into ${schema}.orders (id, customer_id, customer_name, items, total_cents, currency)
     values ($1, 'c', 'n', '[{"sku": "s", "description": "d", "quantity": 1, "unitPriceCents": 1}]', 9007199254740991, 'EUR')`,
    [id],
  )
  await postgres.query(`update ${schema}.orders set note = 'x' where id = $1`, [id])
  await postgres.query(`delete from ${schema}.orders where id = $1`, [id])
  const records: { key: string; value: unknown }[] = []
  await eventually(
    async () => {
      records.length = 0
      await admin.readAll(topic, ({ key, value }) => {
        records.push({ key: String(key), value: JSON.parse(String(value)) })
      })
      return records.length >= 3
    },
    { deadlineMs: 15_000 },
  )
  expect(records).toMatchObject([
    { key: id, value: { operation: 'insert', before: null, after: { id, total_cents: 9007199254740991 } } },
    { key: id, value: { operation: 'update', before: { note: '' }, after: { note: 'x', revision: 2 } } },
    { key: id, value: { operation: 'delete', before: { id, note: 'x' }, after: null } },
  ])
}, 30_000)
