/** Whatever a client sends, it gets an answer below 500, and what was refused wrote nothing. */
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { item, newOrder, openLane, place, problemCode, type Lane, type Service } from './orders-under-test.ts'

let lane: Lane
let service: Service

beforeAll(async () => {
  lane = await openLane()
  service = await lane.start('cdc')
})
afterAll(async () => {
  await service.close()
  await lane.drop()
})

test.each<[string, string | Buffer<ArrayBuffer>, Record<string, string>, number]>([
  ['half of a JSON text', '{"customerId":', {}, 400],
  ['an empty body', '', {}, 400],
  ['a JSON text that is no object', '"order"', {}, 400],
  ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), {}, 400],
  ['a hundred thousand open brackets', '['.repeat(100_000), {}, 400],
  ['brackets that close, deep down', `{"note":${'['.repeat(40_000)}${']'.repeat(40_000)}}`, {}, 400],
  ['a body over 100 kB', JSON.stringify({ ...newOrder, note: 'n'.repeat(102_400) }), {}, 413],
  [
    'a small body that unpacks to a large one',
    gzipSync(Buffer.alloc(10_000_000, 0x20)),
    { 'content-encoding': 'gzip' },
    413,
  ],
  ['a body that says gzip and is none', 'x', { 'content-encoding': 'gzip' }, 400],
  ['an encoding that nobody knows', '{}', { 'content-encoding': 'zip' }, 415],
  ['a charset that is not UTF-8', '{}', { 'content-type': 'application/json; charset=latin1' }, 415],
  ['a form', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
  ['an idempotency key with a space', JSON.stringify(newOrder), { 'idempotency-key': 'a b' }, 400],
  ['an idempotency key that is too long', JSON.stringify(newOrder), { 'idempotency-key': 'k'.repeat(256) }, 400],
])('%s is refused and writes nothing', async (_what, rawBody, headers, status) => {
  const before = await lane.rowCount()
  const answer = await service.ask('POST', '/orders', { rawBody, headers })
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(await lane.rowCount()).toBe(before)
})

test.each([
  'cursor=',
  'cursor=x',
  'limit=0',
  'limit=101',
  'limit=1.5',
  'limit=x',
  'limit=1&limit=2',
  'page=2',
  'cursor[a]=1',
])('a list with ?%s is refused', async (query) => {
  expect((await service.ask('GET', `/orders?${query}`)).status).toBe(400)
})

test.each(['nonsense', '"1', '1'])('If-Match: %s is refused before anything is looked up', async (header) => {
  const answer = await service.ask('DELETE', '/orders/nonsense', { headers: { 'if-match': header } })
  expect(answer.status).toBe(400)
  expect(problemCode(answer)).toBe('invalid-request')
})

test('the largest order that is allowed, full of awkward text, is kept as it is', async () => {
  const awkward = '\u0001"\\\u2028\ufffd\u{1f600}é e\u0301 </script> \ud83d\udc68\u200d\ud83d\udc69'
  const body = {
    ...newOrder,
    customerName: awkward,
    note: awkward.repeat(400),
    items: Array.from({ length: 100 }, () => ({
      ...item,
      description: awkward,
      quantity: 900,
      unitPriceCents: 100_000_000_000,
    })),
  }
  const answer = await service.ask('POST', '/orders', { body })
  expect(answer).toMatchObject({ status: 201, body: { ...body, totalCents: 9_000_000_000_000_000 } })
})

/** Bodies that are nearly right, where the bugs are: a good one with a few fields replaced by anything at all. */
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom<unknown>(
    '\0',
    '\ud800',
    '__proto__',
    -1,
    0,
    1.5,
    2 ** 53,
    1e308,
    -0,
    null,
    true,
    [],
    {},
    'NaN',
    '🎈'.repeat(200),
  ),
)
const fields = [
  'customerId',
  'customerName',
  'items',
  'note',
  'currency',
  'status',
  'id',
  '__proto__',
  'constructor',
  'totalCents',
]
const nearlyAnOrder = fc
  .tuple(
    fc.dictionary(fc.oneof(fc.constantFrom(...fields), fc.string({ maxLength: 8 })), anything, { maxKeys: 3 }),
    fc.dictionary(fc.constantFrom('sku', 'description', 'quantity', 'unitPriceCents', 'x'), anything, { maxKeys: 2 }),
  )
  .map(([replaced, replacedInItem]) => ({ ...newOrder, items: [{ ...item, ...replacedInItem }], ...replaced }))
const body = fc.oneof({ weight: 3, arbitrary: nearlyAnOrder }, { weight: 1, arbitrary: fc.jsonValue() })

test('no body makes POST fail on our side; what is refused wrote nothing, what is accepted wrote one order', async () => {
  await fc.assert(
    fc.asyncProperty(body, async (json) => {
      const before = await lane.rowCount()
      const { status } = await service.ask('POST', '/orders', { body: json })
      expect([201, 400]).toContain(status)
      expect(await lane.rowCount()).toBe(before + (status === 201 ? 1 : 0))
    }),
    { numRuns: 150 },
  )
}, 60_000)

test('no body makes PATCH fail on our side; what is refused leaves the order as it was', async () => {
  const id = await place(service)
  const patches = fc.oneof(
    fc.dictionary(fc.constantFrom('customerName', 'items', 'note', 'status', 'x', '__proto__'), anything, {
      maxKeys: 3,
    }),
    fc.jsonValue(),
  )
  await fc.assert(
    fc.asyncProperty(patches, async (json) => {
      const before = (await service.ask('GET', `/orders/${id}`)).body
      const { status } = await service.ask('PATCH', `/orders/${id}`, { body: json })
      const after = (await service.ask('GET', `/orders/${id}`)).body
      expect([200, 400, 409]).toContain(status)
      expect(JSON.stringify(after) === JSON.stringify(before)).toBe(status !== 200)
    }),
    { numRuns: 150 },
  )
}, 60_000)
