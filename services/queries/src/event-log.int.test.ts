/** The lane whose truth is a log: its events are asked for states and trails, and every store is held against them. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { problemCode } from '@driftlab/http-api/testing'
import { connectLog, type Log, type LogAdmin } from '@driftlab/kafka'
import {
  emptyState,
  encodeEvent,
  eventSourcedTopics,
  recordFacts,
  seal,
  type Command,
  type DomainEvent,
  type Fact,
  type State,
} from '@driftlab/order-events'
import { toRow, type OrderDocument } from '@driftlab/order'
import { freePort, testSettings } from '@driftlab/stores/testing'
import { z } from 'zod'
import { eventSourcedLaneTopics } from '../../../infra/kafka/event-sourced-lane.ts'
import { trailPageSchema } from './schemas.ts'
import { item, openLane, startService, type LaneUnderTest, type Service } from './queries-under-test.ts'

jest.setTimeout(120_000)

const orderId = '01a21c98-8af4-7e65-ba85-48e299bd7bc7'
let under: LaneUnderTest
let log: Log
let admin: LogAdmin
let topic: string
let service: Service
const services: Service[] = []
let events: readonly DomainEvent[]
let last: OrderDocument

beforeAll(async () => {
  under = await openLane('event-sourcing')
  const { kafkaBrokers } = testSettings()
  log = connectLog({ brokers: kafkaBrokers, clientId: 'queries-test' })
  admin = await log.connectAdmin()
  await admin.createTopics(eventSourcedLaneTopics(under.lane.name, 2))
  topic = eventSourcedTopics(under.lane.name).events
  service = await start([...kafkaBrokers])

  const place: Fact = { type: 'OrderPlaced', ...customer, items: [item], note: 'ring twice', currency: 'EUR' }
  const steps: readonly (readonly [at: string, actor: string, fact: Fact])[] = [
    ['2026-11-27T08:00:00Z', 'customer', place],
    ['2026-11-27T09:00:00.5Z', 'bank', { type: 'OrderPaid' }],
    ['2026-11-27T10:00:00Z', 'support', { type: 'NoteChanged', note: 'knock' }],
  ]
  let state: State = emptyState(orderId)
  const recorded: DomainEvent[] = []
  for (const [at, actor, fact] of steps) {
    const recording = recordFacts(state, orderId, commandOf(at, actor), [fact])
    recorded.push(...recording.events)
    state = recording.state
  }
  if (state.kind !== 'order') throw new Error('the order is not there')
  last = state.order
  events = recorded
  await publish(events)
})

afterAll(async () => {
  await Promise.all(services.map((each) => each.close()))
  await admin.deleteTopics(eventSourcedLaneTopics(under.lane.name).map(({ name }) => name))
  await admin.close()
  await under.drop()
})

const customer = { customerId: 'c-1', customerName: 'Ada Lovelace' }

function commandOf(issuedAt: string, actor: string): Command {
  const about = { version: 1, id: crypto.randomUUID(), actor, reason: `asked by ${actor}`, issuedAt } as const
  return { ...about, type: 'ChangeOrder', orderId, patch: {} }
}

async function publish(published: readonly DomainEvent[]): Promise<void> {
  const producer = await log.connectProducer()
  await producer.publish(topic, published.map(encodeEvent))
  await producer.close()
}

async function start(brokers: string[]): Promise<Service> {
  const started = await startService([under.lane], {}, { brokers, logTimeoutMs: 20_000 })
  services.push(started)
  return started
}

describe('GET /log/orders/:id/state', () => {
  test('is the order now, at an offset of its partition, or at a time', async () => {
    const now = await service.ask(`/log/orders/${orderId}/state`)
    expect(now).toMatchObject({
      status: 200,
      body: { state: 'order', order: { note: 'knock', status: 'paid', revision: 3 }, laterEvents: 0 },
    })
    expect(now.body).toMatchObject({ asOf: { version: 3, versionOf: 'revision', at: '2026-11-27T10:00:00.000Z' } })
    const trail = trailPageSchema.parse((await service.ask(`/log/orders/${orderId}/trail`)).body)
    const first = trail.events[0]?.place.offset ?? -1
    for (const [moment, expected] of [
      [`offset=${first}`, { order: { status: 'placed' }, laterEvents: 2, last: { sequence: 1 } }],
      ['time=2026-11-27T09:30:00Z', { order: { status: 'paid', note: 'ring twice' }, laterEvents: 1 }],
      ['time=2026-11-27T11:30:00%2B02:00', { order: { status: 'paid', note: 'ring twice' }, laterEvents: 1 }],
      ['time=2026-01-01T00:00:00Z', { state: 'no-order', order: null, last: null, laterEvents: 3 }],
    ] as const) {
      expect((await service.ask(`/log/orders/${orderId}/state?${moment}`)).body).toMatchObject(expected)
    }
  })

  test('an unknown order, and a moment that is none, are faults of the client', async () => {
    const unknown = await service.ask('/log/orders/01a21c98-8af4-7e65-ba85-48e299bd7bc8/state')
    expect([unknown.status, problemCode(unknown)]).toEqual([404, 'order-unknown'])
    for (const query of [
      'offset=-1',
      'offset=1.5',
      'offset=999999',
      'offset=many',
      'time=yesterday',
      'offset=0&time=2026-11-27T08:00:00Z',
      'lane=cdc',
    ]) {
      const answer = await service.ask(`/log/orders/${orderId}/state?${query}`)
      expect([answer.status, problemCode(answer)]).toEqual([400, 'invalid-request'])
    }
  })
})

test('GET /log/orders/:id/trail is every event, with who and why, page by page', async () => {
  const seen: unknown[] = []
  let cursor: string | null = null
  do {
    const more: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page = trailPageSchema.parse((await service.ask(`/log/orders/${orderId}/trail?limit=2${more}`)).body)
    seen.push(...page.events.map(({ event }) => event))
    cursor = page.nextCursor
  } while (cursor !== null)
  expect(seen).toEqual(events)
})

describe('GET /orders/:id/everywhere', () => {
  test('holds every store against what the events add up to', async () => {
    const row = toRow(last)
    await under.copy(row, 12)
    const agreed = await service.ask(`/orders/${orderId}/everywhere`)
    expect(agreed).toMatchObject({
      status: 200,
      body: {
        consistent: true,
        source: 'log',
        stores: { log: { state: 'present', asOf: { version: 3 } }, redis: { asOf: { version: 12, versionOf: 'log' } } },
      },
    })
    expect(z.looseObject({ stores: z.looseObject({}) }).parse(agreed.body).stores).not.toHaveProperty('postgresql')
    await under.put.redis({ ...row, note: 'forged' }, 13)
    expect((await service.ask(`/orders/${orderId}/everywhere`)).body).toMatchObject({
      consistent: false,
      stores: { redis: { divergence: 'corrupt', differs: ['note'] }, elasticsearch: { divergence: null } },
    })
  })

  test('a log that does not answer is down, and so are the questions to it', async () => {
    const port = await freePort()
    const without = await startService([under.lane], {}, { brokers: [`127.0.0.1:${port}`], logTimeoutMs: 700 })
    services.push(without)
    expect((await without.ask(`/orders/${orderId}/everywhere`)).body).toMatchObject({
      consistent: null,
      stores: { log: { state: 'down' }, clickhouse: { state: 'present', divergence: null } },
    })
    for (const question of ['state', 'trail']) {
      const answer = await without.ask(`/log/orders/${orderId}/${question}`)
      expect([answer.status, problemCode(answer)]).toEqual([503, 'store-unavailable'])
    }
  })
})

test('of an order whose events are not whole nobody says what it is', async () => {
  const [first] = events
  if (first === undefined) throw new Error('there are events')
  await publish([seal({ ...first, sequence: 9 })])
  for (const path of [
    `/log/orders/${orderId}/state`,
    `/log/orders/${orderId}/trail`,
    `/orders/${orderId}/everywhere`,
  ]) {
    const answer = await service.ask(path)
    expect([answer.status, problemCode(answer)]).toEqual([502, 'log-broken'])
  }
})
