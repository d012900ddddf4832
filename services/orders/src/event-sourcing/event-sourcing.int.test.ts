/** The same HTTP contract in front of a log: what a request leads to there, and what it is answered with. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { laneNames } from '@driftlab/order'
import { connectElasticsearch } from '@driftlab/stores'
import { eventually, testSettings } from '@driftlab/stores/testing'
import { dropLane as dropIndex, setUpLane as setUpIndex } from '../../../../infra/elasticsearch/lane.ts'
import { openLaneUnderTest, type LaneUnderTest } from '../../../order-processor/src/lane-under-test.ts'
import type { Processor } from '../../../order-processor/src/processor.ts'
import { item, newOrder, place, problemCode, startOrdersService, type Service } from '../orders-under-test.ts'

const { elasticsearchUrl, kafkaBrokers } = testSettings()
const elasticsearch = connectElasticsearch(elasticsearchUrl)
const lamp = { ...item, sku: 'limited-lamp', quantity: 1 }

let lane: LaneUnderTest
let processor: Processor
let service: Service

const start = (overrides: Readonly<Record<string, string>> = {}): Promise<Service> =>
  startOrdersService({
    ...{ LANE: lane.name, PORT: '1', WRITE_STRATEGY: 'event-sourcing' },
    ...{ KAFKA_BROKERS: kafkaBrokers.join(','), ELASTICSEARCH_URL: elasticsearchUrl },
    ...overrides,
  })

beforeAll(async () => {
  lane = await openLaneUnderTest()
  await setUpIndex(elasticsearch, lane.name)
  processor = await lane.start('a')
  service = await start()
}, 60_000)

afterAll(async () => {
  await service.close()
  await lane.close()
  await dropIndex(elasticsearch, lane.name)
  await elasticsearch.close()
}, 60_000)

const typesOf = async (id: string): Promise<readonly string[]> =>
  (await lane.events()).filter(({ key }) => key === id).map(({ type }) => type)

test('an order is placed, changed, read and removed as with every other strategy', async () => {
  const created = await service.ask('POST', '/orders', { body: newOrder })
  expect(created).toMatchObject({ status: 201, body: { ...newOrder, status: 'placed', totalCents: 900, revision: 1 } })
  const path = created.headers.get('location') ?? ''
  expect((await service.ask('GET', path)).body).toEqual(created.body)
  const patched = await service.ask('PATCH', path, {
    body: { status: 'paid', note: 'second' },
    headers: { 'if-match': created.headers.get('etag') ?? '' },
  })
  expect(patched).toMatchObject({ status: 200, body: { status: 'paid', note: 'second', revision: 2 } })
  expect((await service.ask('PATCH', path, { body: { status: 'placed' } })).status).toBe(409)
  expect((await service.ask('PATCH', path, { body: { items: [item] } })).status).toBe(409)
  expect((await service.ask('PATCH', path, { body: { note: '' }, headers: { 'if-match': '"1"' } })).status).toBe(412)
  expect((await service.ask('DELETE', path)).status).toBe(204)
  expect((await service.ask('GET', path)).status).toBe(410)
  expect((await service.ask('DELETE', path)).status).toBe(410)
  expect((await service.ask('GET', `/orders/${crypto.randomUUID()}`)).status).toBe(404)
  expect(await typesOf(path.replace('/orders/', ''))).toEqual([
    'OrderPlaced',
    'NoteChanged',
    'OrderPaid',
    'OrderRemoved',
  ])
}, 30_000)

test('who asked, and why, stands in the log', async () => {
  const id = await place(service)
  const cause = { 'driftlab-actor': 'support', 'driftlab-reason': 'ordered twice' }
  await service.ask('PATCH', `/orders/${id}`, { body: { status: 'cancelled' }, headers: cause })
  expect((await lane.events()).filter(({ key }) => key === id)).toMatchObject([
    { type: 'OrderPlaced', actor: 'customer', reason: null },
    { type: 'OrderCancelled', actor: 'support', reason: 'ordered twice' },
  ])
  const bad = await service.ask('DELETE', `/orders/${id}`, { headers: { 'driftlab-actor': 'two words' } })
  expect(bad).toMatchObject({ status: 400, body: { errors: [{ header: 'Driftlab-Actor' }] } })
}, 30_000)

test('a repeated idempotency key gives the first answer again, also from another process, and another body is refused', async () => {
  const other = await start()
  try {
    for (const items of [[item], [lamp]]) {
      await service.ask('POST', '/stock/limited-lamp/receipts', { body: { quantity: 2 } })
      const question = { body: { ...newOrder, items }, headers: { 'idempotency-key': crypto.randomUUID() } }
      const [first, again] = await Promise.all([
        service.ask('POST', '/orders', question),
        other.ask('POST', '/orders', question),
      ])
      expect(first.status).toBe(201)
      expect(again).toMatchObject({ status: 201, body: first.body })
      const different = { ...question, body: { ...question.body, note: 'different' } }
      expect(problemCode(await other.ask('POST', '/orders', different))).toBe('idempotency-key-reused')
    }
    expect((await service.ask('GET', '/stock/limited-lamp')).body).toMatchObject({ reservedUnits: 1 })
  } finally {
    await other.close()
  }
}, 30_000)

test('limited goods are sold once, and come back when an order is cancelled', async () => {
  const tent = { ...item, sku: 'limited-tent', quantity: 1 }
  const order = { ...newOrder, items: [item, tent] }
  const stockOf = async (): Promise<unknown> => (await service.ask('GET', '/stock/limited-tent')).body
  await service.ask('POST', '/stock/limited-tent/receipts', { body: { quantity: 1 } })
  const answers = await Promise.all(Array.from({ length: 5 }, () => service.ask('POST', '/orders', { body: order })))
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  const short = answers.filter(({ status }) => status === 409)
  expect(short.map(problemCode)).toEqual(Array.from({ length: 4 }, () => 'stock-short'))
  expect(await stockOf()).toMatchObject({ receivedUnits: 1, reservedUnits: 1, availableUnits: 0 })
  const [sold] = answers.filter(({ status }) => status === 201)
  const path = sold?.headers.get('location') ?? ''
  expect(problemCode(await service.ask('PATCH', path, { body: { items: [item] } }))).toBe('limited-items-fixed')
  await service.ask('PATCH', path, { body: { status: 'cancelled' } })
  await eventually(async () => JSON.stringify(await stockOf()).includes('"availableUnits":1'), { deadlineMs: 10_000 })
  expect((await service.ask('GET', '/stock/tent')).status).toBe(404)
  expect((await service.ask('POST', '/stock/limited-tent/receipts', { body: { quantity: 0 } })).status).toBe(400)
}, 30_000)

test('what is not decided in time is answered with a place to look, and is found there', async () => {
  const impatient = await start({ ANSWER_TIMEOUT_MS: '300' })
  try {
    const id = await place(service)
    await processor.stop()
    const undecided = await impatient.ask('POST', '/orders', { body: newOrder })
    expect(undecided).toMatchObject({ status: 202, body: { status: 'undecided' } })
    const refused = await impatient.ask('PATCH', `/orders/${id}`, { body: { status: 'delivered' } })
    const removal = await impatient.ask('DELETE', `/orders/${id}`)
    expect([refused.status, removal.status]).toEqual([202, 202])
    const question = await impatient.ask('GET', `/orders/${id}`)
    expect(problemCode(question)).toBe('log-unavailable')
    expect(question.headers.get('retry-after')).toBe('1')
    const lookAt = (answer: typeof undecided) => impatient.ask('GET', answer.headers.get('location') ?? '')
    expect((await lookAt(undecided)).status).toBe(404)

    processor = await lane.start('a')
    const found = await eventually(
      async () => {
        const answers = [await lookAt(undecided), await lookAt(refused), await lookAt(removal)]
        return answers.every(({ status }) => status === 200) && answers
      },
      { deadlineMs: 30_000 },
    )
    expect(found.map(({ body }) => (body as { status: string }).status)).toEqual(['accepted', 'refused', 'accepted'])
  } finally {
    await impatient.close()
  }
}, 60_000)

test('the list is the search index: in the order of the ids, page by page', async () => {
  const ids = [await place(service), await place(service), await place(service)].toSorted()
  for (const id of ids) {
    const { body } = await service.ask('GET', `/orders/${id}`)
    await elasticsearch.index({ index: laneNames(lane.name).index, id, document: body as object })
  }
  await elasticsearch.indices.refresh({ index: laneNames(lane.name).index })
  const first = await service.ask('GET', '/orders?limit=2')
  const { nextCursor } = first.body as { nextCursor: string }
  const second = await service.ask('GET', `/orders?limit=2&cursor=${nextCursor}`)
  const idsOf = ({ body }: typeof first) => (body as { orders: { id: string }[] }).orders.map(({ id }) => id)
  expect([...idsOf(first), ...idsOf(second)]).toEqual(ids)
}, 30_000)
