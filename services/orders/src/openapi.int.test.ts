/** The OpenAPI document is true: each answer it promises is seen, and no other answer is. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { laneNames } from '@driftlab/order'
import { closedPort, newOrder, openLane, place, problemCode, type Lane, type Service } from './orders-under-test.ts'

let lane: Lane
const services: Service[] = []

beforeAll(async () => {
  lane = await openLane()
})
afterAll(async () => {
  await Promise.all(services.map((service) => service.close()))
  await lane.drop()
}, 20_000)

const start: Lane['start'] = async (...parameters) => {
  const service = await lane.start(...parameters)
  services.push(service)
  return service
}

/** Lets PostgreSQL raise an error with `sqlState` at every write of the lane, until the returned function is called. */
async function failWritesWith(sqlState: string): Promise<() => Promise<void>> {
  const { schema } = laneNames(lane.name)
  await lane.postgres.query(
    `create function ${schema}.fail() returns trigger language plpgsql as $$ begin raise 'x' using errcode = '${sqlState}'; end $$;
     create trigger a_fail before insert or update or delete on ${schema}.orders for each row execute function ${schema}.fail()`,
  )
  return async () => {
    await lane.postgres.query(`drop function ${schema}.fail() cascade`)
  }
}

test('each documented answer of each route is given by the running service, as documented', async () => {
  const service = await start('cdc')
  const id = await place(service)
  const gone = await place(service)
  const patch = { note: 'n' }
  const large = { ...newOrder, note: 'n'.repeat(110_000) }
  const plain = { 'content-type': 'text/plain' }
  const unknown = '/orders/01890a5d-ac96-774b-bcce-b302099a8057'
  const ask: Service['ask'] = (...question) => service.ask(...question)

  await ask('DELETE', `/orders/${gone}`)
  await ask('POST', '/orders', { rawBody: '{' })
  await ask('POST', '/orders', { body: large })
  await ask('POST', '/orders', { body: newOrder, headers: plain })
  await ask('POST', '/orders', { body: newOrder, headers: { 'idempotency-key': 'k' } })
  await ask('POST', '/orders', { body: { ...newOrder, note: '' }, headers: { 'idempotency-key': 'k' } })
  await ask('GET', '/orders')
  await ask('GET', '/orders?cursor=nonsense')
  await ask('GET', `/orders/${id}`)
  await ask('GET', `/orders/${id}`, { headers: { 'if-none-match': '"1"', 'cache-control': 'max-age=0' } })
  await ask('GET', '/orders/%ff')
  await ask('GET', unknown)
  await ask('GET', `/orders/${gone}`)
  await ask('PATCH', `/orders/${id}`, { body: patch })
  await ask('PATCH', `/orders/${id}`, { body: {} })
  await ask('PATCH', unknown, { body: patch })
  await ask('PATCH', `/orders/${id}`, { body: { status: 'delivered' } })
  await ask('PATCH', `/orders/${gone}`, { body: patch })
  await ask('PATCH', `/orders/${id}`, { body: patch, headers: { 'if-match': '"9"' } })
  await ask('PATCH', `/orders/${id}`, { body: large })
  await ask('PATCH', `/orders/${id}`, { body: patch, headers: plain })
  await ask('DELETE', `/orders/${id}`, { headers: { 'if-match': '9' } })
  await ask('DELETE', `/orders/${id}`, { headers: { 'if-match': '"9"' } })
  await ask('DELETE', unknown)
  await ask('DELETE', `/orders/${gone}`)

  const writes = async (target: Service, path: string, expected: string): Promise<void> => {
    for (const [method, at, body] of [
      ['POST', '/orders', newOrder],
      ['PATCH', path, patch],
      ['DELETE', path, undefined],
    ] as const) {
      expect(problemCode(await target.ask(method, at, { body }))).toBe(expected)
    }
  }
  for (const [sqlState, expected] of [
    ['40001', 'contended'],
    ['23514', 'refused-by-database'],
    ['XX000', 'internal'],
  ] as const) {
    const restore = await failWritesWith(sqlState)
    await writes(service, `/orders/${id}`, expected)
    await restore()
  }

  const port = await closedPort()
  const away = await start('cdc', { POSTGRES_URL: `postgres://u:p@127.0.0.1:${port}/d` })
  await writes(away, `/orders/${id}`, 'database-unavailable')
  for (const path of ['/orders', `/orders/${id}`]) {
    const answer = await away.ask('GET', path)
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('1')
  }
  expect((await away.ask('GET', '/ready')).status).toBe(503)

  const partial = await start('dual-write', { REDIS_URL: `redis://127.0.0.1:${port}` })
  await writes(partial, `/orders/${id}`, 'partial-write')

  // A table that is not as the service knows it is a fault on our side, for reads as well.
  await lane.postgres.query(`alter table ${laneNames(lane.name).table} rename column note to remark`)
  await ask('GET', '/orders')
  await ask('GET', `/orders/${id}`)
  await lane.postgres.query(`alter table ${laneNames(lane.name).table} rename column remark to note`)

  const seen = new Set(services.flatMap((each) => [...each.seen]))
  expect(service.documented.filter((answer) => !seen.has(answer))).toEqual([])
}, 30_000)

test('what the document does not list is refused with the methods that are allowed', async () => {
  const service = await start('cdc')
  for (const [path, allow] of [
    ['/orders', 'GET, HEAD, POST'],
    ['/orders/x', 'GET, HEAD, PATCH, DELETE'],
    ['/openapi.json', 'GET, HEAD'],
    ['/live', 'GET, HEAD'],
  ] as const) {
    const answer = await service.ask('PUT', path, { body: {} })
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe(allow)
    expect((await fetch(service.url + path, { method: 'OPTIONS' })).headers.get('allow')).toBe(allow)
  }
  for (const path of ['/', '/order', '/orders/', '/orders/x/y', '/Orders']) {
    const answer = await service.ask('GET', path)
    expect(answer.status).toBe(404)
    expect(problemCode(answer)).toBe('route-unknown')
  }
})
