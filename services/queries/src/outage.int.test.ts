/** A store that is away: named by the routes that need it, shown as down beside the others, and never waited for for long. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { problemCode } from '@driftlab/http-api/testing'
import { eventually, freePort, testSettings } from '@driftlab/stores/testing'
import { z } from 'zod'
import { laneOf } from './lanes.ts'
import { addressesOfService, openLane, startService, type LaneUnderTest, type Service } from './queries-under-test.ts'

jest.setTimeout(60_000)

const stores = ['postgres', 'redis', 'elasticsearch', 'clickhouse'] as const
type Store = (typeof stores)[number]
const nameOf = (store: Store): string => (store === 'postgres' ? 'postgresql' : store)

let under: LaneUnderTest
let id: string
const services: Service[] = []
/** Takes connections, and never says a word. */
let silent: Server
const sockets = new Set<Socket>()

beforeAll(async () => {
  under = await openLane('cdc')
  const row = await under.place()
  id = row.id
  await under.copy(row)
  silent = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1')
  await once(silent, 'listening')
})

afterAll(async () => {
  await Promise.all(services.map((service) => service.close()))
  for (const socket of sockets) socket.destroy()
  silent.close()
  await under.drop()
})

async function startWithout(store: Store, port: number): Promise<Service> {
  const address = new URL(addressesOfService()[store])
  address.port = String(port)
  const service = await startService([under.lane], { [store]: address.toString() }, { timeoutMs: 2_000 })
  services.push(service)
  // On a busy machine the first connection to the others may take longer than a question.
  await eventually(async () => (await storesThatDoNotAnswer(service)).join() === nameOf(store), {
    deadlineMs: 20_000,
    what: `every store but ${store} answers`,
  })
  return service
}

async function storesThatDoNotAnswer(service: Service): Promise<readonly string[]> {
  const { body } = await service.ask('/ready')
  const { checks } = z.looseObject({ checks: z.record(z.string(), z.string()) }).parse(body)
  return Object.entries(checks).flatMap(([store, check]) => (check === 'ok' ? [] : [store]))
}

const routesOf: Readonly<Record<Store, readonly string[]>> = {
  postgres: [],
  redis: ['/cache/orders/ID'],
  elasticsearch: ['/search'],
  clickhouse: ['/warehouse/revenue', '/warehouse/orders/ID/history'],
}

describe.each(['refuses connections', 'takes them and says nothing'] as const)('a store that %s', (how) => {
  test.each(stores)('%s is down for those routes alone that need it, and the others go on', async (store) => {
    const port = how === 'refuses connections' ? await freePort() : (silent.address() as AddressInfo).port
    const service = await startWithout(store, port)
    for (const [other, routes] of Object.entries(routesOf)) {
      for (const route of routes) {
        const { status, headers, body } = await service.ask(route.replace('ID', id))
        const shown = { status, retryAfter: headers.get('retry-after'), body }
        expect(shown).toMatchObject(
          other === store
            ? {
                status: 503,
                retryAfter: '1',
                body: { type: 'urn:driftlab:problem:store-unavailable', store: nameOf(store) },
              }
            : { status: 200 },
        )
      }
    }
    const everywhere = await service.ask(`/orders/${id}/everywhere`)
    const shown = z
      .looseObject({ consistent: z.null(), stores: z.record(z.string(), z.looseObject({ state: z.string() })) })
      .parse(everywhere.body)
    expect(Object.entries(shown.stores).filter(([, { state }]) => state === 'down')).toMatchObject([
      [nameOf(store), { order: null, divergence: null }],
    ])
    expect(Object.values(shown.stores).filter(({ state }) => state === 'present')).toHaveLength(3)

    const ready = await service.ask('/ready')
    expect(ready).toMatchObject({ status: 200, body: { ready: true } })
    expect(await storesThatDoNotAnswer(service)).toEqual([nameOf(store)])
  })
})

test('without any store it still answers, and says so', async () => {
  const port = await freePort()
  const nowhere = Object.fromEntries(
    Object.entries(addressesOfService()).map(([store, address]) => {
      const url = new URL(address)
      url.port = String(port)
      return [store, url.toString()]
    }),
  )
  const service = await startService([under.lane], nowhere, { timeoutMs: 700 })
  services.push(service)
  expect((await service.ask('/ready')).status).toBe(503)
  expect((await service.ask('/live')).status).toBe(200)
  expect(await service.ask(`/orders/${id}/everywhere`)).toMatchObject({ status: 200, body: { consistent: null } })
})

test('a lane that nobody has set up is told from a store that is down', async () => {
  const absent = laneOf('cdc', `cdc-${id.slice(-8)}`)
  const user = testSettings().variables['CLICKHOUSE_QUERIES_USER'] ?? ''
  await under.clickhouse.command({ query: `GRANT SELECT ON ${absent.warehouseDatabase}.* TO ${user}` })
  const service = await startService([under.lane, absent])
  services.push(service)
  for (const path of ['/search', '/warehouse/revenue', `/orders/${id}/everywhere`]) {
    const answer = await service.ask(`${path}?lane=${absent.name}`)
    expect([answer.status, problemCode(answer)]).toEqual([404, 'lane-off'])
  }
})

test('every answer that the document promises was given', async () => {
  const service = await startService([under.lane])
  services.push(service)
  const { redisKey } = under.lane
  const unreadable = '01890a5d-ac96-774b-bcce-b302099a8060'
  await under.redis.hset(redisKey(unreadable), 'document', 'no order')
  const unknown = '01890a5d-ac96-774b-bcce-b302099a8061'
  for (const path of [
    ...[`/cache/orders/${id}`, `/cache/orders/${id}?x=1`, `/cache/orders/${unknown}`, `/cache/orders/${unreadable}`],
    ...['/search', '/search?limit=0', '/warehouse/revenue', '/warehouse/revenue?limit=0'],
    ...[`/warehouse/orders/${id}/history`, `/warehouse/orders/${id}/history?limit=0`],
    ...[`/warehouse/orders/${unknown}/history`, `/orders/${id}/everywhere`, `/orders/${id}/everywhere?x=1`],
    `/orders/${unknown}/everywhere`,
  ]) {
    await service.ask(path)
  }
  // Rights that were forgotten, and a table that is not as the service knows it: faults on our side.
  const foreign = await startService([laneOf('cdc', `elsewhere-${id.slice(-8)}`)])
  services.push(foreign)
  for (const path of [`/cache/orders/${id}`, '/search', '/warehouse/revenue', `/warehouse/orders/${id}/history`]) {
    expect((await foreign.ask(path)).status).toBe(500)
  }
  await under.postgres.query(`alter table ${under.lane.table} rename column note to remark`)
  expect((await service.ask(`/orders/${id}/everywhere`)).status).toBe(500)
  await under.postgres.query(`alter table ${under.lane.table} rename column remark to note`)

  const seen = new Set(services.flatMap((each) => [...each.seen]))
  expect(service.documented.filter((answer) => !seen.has(answer))).toEqual([])
})
