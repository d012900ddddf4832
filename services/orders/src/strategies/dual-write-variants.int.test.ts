import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { laneNames, parseOrderRow } from '@driftlab/order'
import { connectClickHouse, connectElasticsearch, connectRedis } from '@driftlab/stores'
import { eventually, testSettings } from '@driftlab/stores/testing'
import { dualWriteVariants, type DualWriteVariant } from '../config.ts'
import { versionedStores } from '../derived-stores/versioned.ts'
import {
  closedPort,
  everywhere,
  newOrder,
  notesOf,
  openLane,
  place,
  problemCode,
  type Answer,
  type Lane,
  type Service,
} from '../orders-under-test.ts'

const nobody = (scheme: string, port: number): string => `${scheme}://nobody:nothing@127.0.0.1:${port}`

let lanes: Readonly<Record<'overwriting' | 'versioned', Lane>>
const laneFor = (variant: DualWriteVariant): Lane =>
  variant === 'dual-write-last-writer-wins' ? lanes.versioned : lanes.overwriting

beforeAll(async () => {
  lanes = {
    overwriting: await openLane({ derivedStores: 'dual-write' }),
    versioned: await openLane({ derivedStores: 'cdc' }),
  }
}, 30_000)

afterAll(async () => {
  await lanes.overwriting.drop()
  await lanes.versioned.drop()
}, 30_000)

async function withService(
  variant: DualWriteVariant,
  overrides: Readonly<Record<string, string>>,
  work: (service: Service) => Promise<void>,
): Promise<void> {
  const service = await laneFor(variant).start(variant, overrides)
  try {
    await work(service)
  } finally {
    await service.close()
  }
}

async function placed(variant: DualWriteVariant): Promise<string> {
  const ids: string[] = []
  await withService(variant, {}, async (service) => {
    ids.push(await place(service))
  })
  return ids.join()
}

const expectPartial = (answer: Answer, writtenStores: readonly string[], failedStore: string): void => {
  expect(answer).toMatchObject({ status: 502, body: { failedStore, writtenStores } })
  expect(problemCode(answer)).toBe('partial-write')
}

describe.each(dualWriteVariants)('%s, while nothing fails and nobody else writes', (variant) => {
  test('a new order, its update and its removal reach every store', async () => {
    const lane = laneFor(variant)
    await withService(variant, {}, async (service) => {
      const id = await place(service)
      expect(await notesOf(lane, id)).toEqual(everywhere(newOrder.note))
      await service.ask('PATCH', `/orders/${id}`, { body: { note: 'second' } })
      expect(await notesOf(lane, id)).toEqual(everywhere('second'))
      await service.ask('DELETE', `/orders/${id}`)
      expect(await notesOf(lane, id)).toEqual(everywhere(undefined))
    })
  })

  test('a repeated key answers again what it answered', async () => {
    await withService(variant, {}, async (service) => {
      const ask = () => service.ask('POST', '/orders', { body: newOrder, headers: { 'idempotency-key': variant } })
      const first = await ask()
      expect(await ask()).toMatchObject({ status: 201, body: first.body })
    })
  })
})

test('in parallel, a store that is away does not keep the others from the write', async () => {
  const id = await placed('dual-write-parallel')
  const away = { REDIS_URL: nobody('redis', await closedPort()) }
  await withService('dual-write-parallel', away, async (service) => {
    const update = await service.ask('PATCH', `/orders/${id}`, { body: { note: 'partial' } })
    expectPartial(update, ['postgresql', 'elasticsearch', 'clickhouse'], 'redis')
  })
  expect(await notesOf(lanes.overwriting, id)).toEqual({ ...everywhere('partial'), redis: newOrder.note })
})

describe('with retries', () => {
  test('a store that comes back in time gets the write, and the client sees nothing of it', async () => {
    const id = await placed('dual-write-retry')
    const port = await closedPort()
    const real = new URL(testSettings().elasticsearchUrl)
    const url = new URL(real)
    url.port = String(port)
    const relay = createServer((socket) => {
      const onward = connect(Number(real.port), real.hostname)
      socket.on('error', () => onward.destroy())
      onward.on('error', () => socket.destroy())
      socket.pipe(onward).pipe(socket)
    })
    await withService('dual-write-retry', { ELASTICSEARCH_URL: url.toString() }, async (service) => {
      const update = service.ask('PATCH', `/orders/${id}`, { body: { note: 'late' } })
      const [answer] = await Promise.all([
        update,
        eventually(async () => (await notesOf(lanes.overwriting, id))['redis'] === 'late', { deadlineMs: 5_000 }).then(
          () => once(relay.listen(port, '127.0.0.1'), 'listening'),
        ),
      ])
      expect(answer.status).toBe(200)
    })
    relay.close()
    expect(await notesOf(lanes.overwriting, id)).toEqual(everywhere('late'))
  }, 20_000)

  test('a store that stays away is given up', async () => {
    const id = await placed('dual-write-retry')
    const away = { CLICKHOUSE_URL: nobody('http', await closedPort()) }
    await withService('dual-write-retry', away, async (service) => {
      const update = await service.ask('PATCH', `/orders/${id}`, { body: { note: 'partial' } })
      expectPartial(update, ['postgresql', 'redis', 'elasticsearch'], 'clickhouse')
    })
    expect(await notesOf(lanes.overwriting, id)).toEqual({ ...everywhere('partial'), clickhouse: newOrder.note })
  }, 30_000)
})

test('in the transaction, a store that is away rolls the write back, and those before it keep it', async () => {
  const id = await placed('dual-write-in-transaction')
  const away = { ELASTICSEARCH_URL: nobody('http', await closedPort()) }
  await withService('dual-write-in-transaction', away, async (service) => {
    const update = await service.ask('PATCH', `/orders/${id}`, { body: { note: 'never committed' } })
    expectPartial(update, ['redis'], 'elasticsearch')
  })
  expect(await notesOf(lanes.overwriting, id)).toEqual({ ...everywhere(newOrder.note), redis: 'never committed' })
})

test('with a version, the highest wins in every store, whatever arrives last, and a removal counts as a write', async () => {
  const lane = lanes.versioned
  const id = await placed('dual-write-last-writer-wins')
  const { rows } = await lane.postgres.query(`select * from ${laneNames(lane.name).table} where id = $1`, [id])
  const row = parseOrderRow(rows[0])
  const settings = testSettings()
  const redis = connectRedis(settings.redisUrl)
  const elasticsearch = connectElasticsearch(settings.elasticsearchUrl)
  const clickhouse = connectClickHouse(settings.clickhouseUrl)
  const stores = Object.values(versionedStores({ redis, elasticsearch, clickhouse }, lane.name))
  // Later than the time with which the order was placed.
  const version = Date.now() * 1_000 + 60_000_000
  const inStores = async () => ({ ...(await notesOf(lane, id)), postgresql: undefined })
  const held = (note: string | undefined) => ({ ...everywhere(note), postgresql: undefined })
  try {
    await eventually(() => redis.status === 'ready', { deadlineMs: 5_000 })
    for (const store of stores) {
      await store.put({ ...row, note: 'newer' }, version + 1)
      await store.put({ ...row, note: 'older' }, version)
    }
    expect(await inStores()).toEqual(held('newer'))
    for (const store of stores) {
      await store.remove(row, version + 3)
      await store.put({ ...row, note: 'older' }, version + 2)
    }
    expect(await inStores()).toEqual(held(undefined))
    for (const store of stores) await store.put({ ...row, note: 'newest' }, version + 4)
    expect(await inStores()).toEqual(held('newest'))
  } finally {
    redis.disconnect()
    await Promise.all([elasticsearch.close(), clickhouse.close()])
  }
})
