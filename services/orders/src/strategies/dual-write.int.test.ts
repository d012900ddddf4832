import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { laneNames } from '@driftlab/order'
import { connectElasticsearch, connectRedis, type Elasticsearch, type Redis } from '@driftlab/stores'
import { eventually, testSettings } from '@driftlab/stores/testing'
import {
  closedPort,
  everywhere,
  newOrder,
  notesOf,
  openLane,
  place,
  problemCode,
  type Lane,
  type Service,
} from '../orders-under-test.ts'

let lane: Lane
let service: Service
let redis: Redis
let elasticsearch: Elasticsearch

beforeAll(async () => {
  const settings = testSettings()
  lane = await openLane({ derivedStores: 'dual-write' })
  service = await lane.start('dual-write')
  redis = connectRedis(settings.redisUrl)
  elasticsearch = connectElasticsearch(settings.elasticsearchUrl)
  await eventually(() => redis.status === 'ready', { deadlineMs: 5_000 })
}, 30_000)

afterAll(async () => {
  redis.disconnect()
  await Promise.all([elasticsearch.close(), service.close()])
  await lane.drop()
}, 30_000)

describe('dual writes, while nothing fails and nobody else writes', () => {
  test('a new order, its update and its removal reach every store', async () => {
    const id = await place(service)
    expect(await notesOf(lane, id)).toEqual(everywhere(newOrder.note))
    await service.ask('PATCH', `/orders/${id}`, { body: { note: 'second' } })
    expect(await notesOf(lane, id)).toEqual(everywhere('second'))
    await service.ask('DELETE', `/orders/${id}`)
    expect(await notesOf(lane, id)).toEqual(everywhere(undefined))
  })

  test('the service tells how each write reached the stores', async () => {
    const id = await place(service)
    await service.ask('PATCH', `/orders/${id}`, { body: { note: 'second' } })
    const { body } = await service.ask('GET', `/orders/${id}/writes`)
    const everyStore = ['postgresql', 'redis', 'elasticsearch', 'clickhouse'].map((store) => ({
      store,
      outcome: 'acknowledged',
    }))
    expect(body).toMatchObject({
      orderId: id,
      writes: [
        { operation: 'create', revision: 1, stores: everyStore },
        { operation: 'update', revision: 2, stores: everyStore },
      ],
    })
    expect((await service.ask('GET', '/orders/x/writes')).status).toBe(404)
  })

  test('a repeated key writes nothing a second time', async () => {
    const ask = () => service.ask('POST', '/orders', { body: newOrder, headers: { 'idempotency-key': 'once' } })
    const { id } = (await ask()).body as { id: string }
    await redis.del(laneNames(lane.name).redisKey(id))
    expect((await ask()).status).toBe(201)
    expect(await notesOf(lane, id)).toEqual({ ...everywhere(newOrder.note), redis: undefined })
  })

  test('removing an order that a store never had is no failure', async () => {
    const id = await place(service)
    const names = laneNames(lane.name)
    await redis.del(names.redisKey(id))
    await elasticsearch.delete({ index: names.index, id })
    expect((await service.ask('DELETE', `/orders/${id}`)).status).toBe(204)
  })
})

describe('dual writes, when a later store fails', () => {
  const order = ['postgresql', 'redis', 'elasticsearch', 'clickhouse']

  test.each([
    ['redis', 'REDIS_URL', 'redis'],
    ['elasticsearch', 'ELASTICSEARCH_URL', 'http'],
    ['clickhouse', 'CLICKHOUSE_URL', 'http'],
  ])(
    'with %s away, the request fails, names it, and what was written stays',
    async (store, variable, scheme) => {
      const id = await place(service)
      const port = await closedPort()
      const broken = await lane.start('dual-write', { [variable]: `${scheme}://nobody:nothing@127.0.0.1:${port}` })
      const writtenStores = order.slice(0, order.indexOf(store))
      const noteOf = (written: string | undefined, others: string | undefined) =>
        Object.fromEntries(order.map((name) => [name, writtenStores.includes(name) ? written : others]))
      try {
        const update = await broken.ask('PATCH', `/orders/${id}`, { body: { note: 'partial' } })
        expect(update).toMatchObject({ status: 502, body: { failedStore: store, writtenStores } })
        expect(problemCode(update)).toBe('partial-write')
        expect(await notesOf(lane, id)).toEqual(noteOf('partial', newOrder.note))

        const removal = await broken.ask('DELETE', `/orders/${id}`)
        expect(removal).toMatchObject({ status: 502, body: { failedStore: store, writtenStores } })
        expect(await notesOf(lane, id)).toEqual(noteOf(undefined, newOrder.note))

        expect((await broken.ask('POST', '/orders', { body: newOrder })).status).toBe(502)
        expect(await broken.ask('GET', '/ready')).toMatchObject({ status: 503, body: { ready: false } })
        const metrics = await (await fetch(`${broken.url}/metrics`)).text()
        expect(metrics).toMatch(new RegExp(`dual_write_failures_total\\{store="${store}",.*\\} 3`))
      } finally {
        await broken.close()
      }
    },
    30_000,
  )
})
