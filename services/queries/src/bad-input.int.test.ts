/** Whatever a client sends: 4xx problem details, and nothing else happens. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { problemCode } from '@driftlab/http-api/testing'
import type { OrderRow } from '@driftlab/order'
import { z } from 'zod'
import { documentOf, openLane, startService, type LaneUnderTest, type Service } from './queries-under-test.ts'

jest.setTimeout(60_000)

let under: LaneUnderTest
let service: Service
let id: string
let placed: OrderRow

beforeAll(async () => {
  under = await openLane('cdc')
  service = await startService([under.lane])
  placed = await under.place({ note: 'untouched' })
  id = placed.id
  await under.copy(placed)
})

afterAll(async () => {
  await service.close()
  await under.drop()
})

const everyRoute = (path: string): readonly string[] => [
  `/cache/orders/${path}`,
  `/warehouse/orders/${path}/history`,
  `/orders/${path}/everywhere`,
]

test.each([
  '1',
  '..',
  '*',
  '%00',
  '%F0%9F%98%80',
  '%ED%A0%80',
  "'%20OR%201=1%20--",
  "01890a5d-ac96-774b-bcce-b302099a8057'%20OR%20'1'='1",
  '01890a5d-ac96-774b-bcce-b302099a8057%0d%0aFLUSHALL',
  '{01890a5d-ac96-774b-bcce-b302099a8057}',
  'x'.repeat(5_000),
])('an id that is none, %s, belongs to no order', async (text) => {
  for (const path of everyRoute(text)) {
    // A client takes `..` for the way up.
    const answer = await service.ask(path)
    expect([404, 400]).toContain(answer.status)
    expect(problemCode(answer)).toMatch(/^(order-unknown|route-unknown|invalid-request)$/)
  }
})

test.each([
  ['/search?limit=0', 'limit'],
  ['/search?limit=51', 'limit'],
  ['/search?limit=1000000000000', 'limit'],
  ['/search?limit=many', 'limit'],
  ['/search?limit=1&limit=2', 'limit'],
  ['/search?q=', 'q'],
  [`/search?q=${'x'.repeat(201)}`, 'q'],
  ['/search?q=a%00b', 'q'],
  ['/search?q=a&q=b', 'q'],
  ['/search?status=lost', 'status'],
  ['/search?status=paid,placed', 'status'],
  ['/search?from=yesterday', 'from'],
  ['/search?from=now-1d', 'from'],
  ['/search?from=2026-02-30', 'from'],
  ['/search?from=2026-01-02&to=2026-01-02', 'to'],
  ['/search?lane=nowhere', 'lane'],
  ['/search?lane=', 'lane'],
  ['/search?lane=cdc-orders,*', 'lane'],
  ['/search?index=secrets', 'index'],
  ['/search?query[match_all]=', 'query[match_all]'],
  ['/search?__proto__=1', '__proto__'],
  [`/search?cursor=${'x'.repeat(1_001)}`, 'cursor'],
  ['/warehouse/revenue?by=customer', 'by'],
  ['/warehouse/revenue?by=day%3B%20DROP%20TABLE%20orders', 'by'],
  ['/warehouse/revenue?limit=-1', 'limit'],
  ['/warehouse/orders/01890a5d-ac96-774b-bcce-b302099a8057/history?limit=99', 'limit'],
  ['/cache/orders/01890a5d-ac96-774b-bcce-b302099a8057?lane=../dual-write', 'lane'],
  ['/orders/01890a5d-ac96-774b-bcce-b302099a8057/everywhere?when=now', 'when'],
])('%s is refused, and names %s', async (path, parameter) => {
  const answer = await service.ask(path)
  expect([answer.status, problemCode(answer)]).toEqual([400, 'invalid-request'])
  const { errors } = z.looseObject({ errors: z.array(z.looseObject({ parameter: z.string() })) }).parse(answer.body)
  expect(errors.map((error) => error.parameter)).toEqual([parameter])
})

test.each([
  '"; DROP TABLE orders; --',
  "x' OR '1'='1",
  '{"match_all":{}}',
  '*',
  '?',
  '/.*/',
  '_exists_:note',
  'note:untouched OR deleted:true',
  '((((((((((((',
  '"unbalanced',
  '~1000000',
  '\\',
  '${jndi:ldap://127.0.0.1/}',
  '<script>alert(1)</script>',
  '\u202e\ufeff\u0007',
  'a '.repeat(100),
])('a search for %j looks for those characters, and finds none', async (text) => {
  const answer = await service.ask(`/search?q=${encodeURIComponent(text)}`)
  expect(answer).toMatchObject({ status: 200, body: { hits: [], nextCursor: null } })
})

test('a cursor that this list did not give out is refused', async () => {
  const encode = (place: unknown): string => Buffer.from(JSON.stringify(place)).toString('base64url')
  for (const [path, cursors] of [
    ['/search', ['x', encode(['placed', 1]), encode(['placed', '1; DROP', 'x']), encode(['group', 'a', 'EUR'])]],
    ['/warehouse/revenue', ['x', encode(['group', 1, 2]), encode(['placed', 1, 'x'])]],
    [`/warehouse/orders/${id}/history`, ['x', encode(['version', -1]), encode(['version', '0 OR 1=1'])]],
  ] as const) {
    for (const cursor of cursors) {
      const answer = await service.ask(`${path}?cursor=${cursor}`)
      expect([answer.status, problemCode(answer)]).toEqual([400, 'invalid-cursor'])
    }
  }
})

test('a cursor with SQL in its texts is only a place behind those texts', async () => {
  const place = ['group', "x', 'y') OR ('1'='1", "'; DROP DATABASE cdc; --"]
  const cursor = Buffer.from(JSON.stringify(place)).toString('base64url')
  for (const by of ['day', 'status', 'sku']) {
    const answer = await service.ask(`/warehouse/revenue?by=${by}&cursor=${cursor}`)
    expect(answer).toMatchObject({ status: 200, body: { rows: [] } })
  }
})

test('there is nothing but reading', async () => {
  for (const path of [...everyRoute(id), '/search', '/warehouse/revenue', '/openapi.json', '/live']) {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await service.ask(path, method)
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    }
  }
  for (const path of ['/', '/orders', `/orders/${id}`, '/cache', '/search/', '/warehouse', '/Search']) {
    expect(problemCode(await service.ask(path))).toBe('route-unknown')
  }
})

test('after all that, the order is what it was, in every store', async () => {
  expect((await service.ask(`/orders/${id}/everywhere`)).body).toMatchObject({
    consistent: true,
    stores: { postgresql: { order: documentOf(placed) } },
  })
})
