/** Every route against the real stores, where they agree and where somebody has seen to it that they do not. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { problemCode } from '@driftlab/http-api/testing'
import { z } from 'zod'
import { historyPageSchema, revenuePageSchema, searchPageSchema } from './schemas.ts'
import { documentOf, item, openLane, startService, type LaneUnderTest, type Service } from './queries-under-test.ts'

jest.setTimeout(60_000)

let cdc: LaneUnderTest
let dual: LaneUnderTest
let service: Service

beforeAll(async () => {
  cdc = await openLane('cdc')
  dual = await openLane('dual-write')
  service = await startService([cdc.lane, dual.lane])
})

afterAll(async () => {
  await service.close()
  await cdc.drop()
  await dual.drop()
})

const ask: Service['ask'] = (...question) => service.ask(...question)
const inLane = (under: LaneUnderTest): string => `lane=${under.lane.name}`

/** Every page of a list, one after the other. */
async function pagesOf<Page extends { readonly nextCursor: string | null }>(
  path: string,
  schema: z.ZodType<Page>,
): Promise<readonly Page[]> {
  const pages: Page[] = []
  let cursor: string | null = null
  do {
    const answer = await ask(`${path}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`)
    expect(answer.status).toBe(200)
    const page: Page = schema.parse(answer.body)
    pages.push(page)
    cursor = page.nextCursor
  } while (cursor !== null)
  return pages
}

describe('GET /cache/orders/:id', () => {
  test('answers what the cache holds, with the version of the log in cdc and the revision in dual-write', async () => {
    for (const [under, asOf] of [
      [cdc, { version: 77, versionOf: 'log' }],
      [dual, { version: 1, versionOf: 'revision' }],
    ] as const) {
      const row = await under.place()
      await under.put.redis(row, 77)
      const answer = await ask(`/cache/orders/${row.id}?${inLane(under)}`)
      expect(answer).toMatchObject({
        status: 200,
        body: { order: documentOf(row), asOf: { ...asOf, at: row.updated_at.toISOString() } },
      })
      // The first of its lanes is the one that is meant when none is named.
      expect((await ask(`/cache/orders/${row.id.toUpperCase()}`)).status).toBe(under === cdc ? 200 : 404)
    }
  })

  test('an order that was deleted, or never was, is 404', async () => {
    for (const under of [cdc, dual]) {
      const row = await under.place()
      await under.copy(row)
      await under.remove(row)
      const answer = await ask(`/cache/orders/${row.id}?${inLane(under)}`)
      expect([answer.status, problemCode(answer)]).toEqual([404, 'order-unknown'])
    }
    expect((await ask('/cache/orders/01890a5d-ac96-774b-bcce-b302099a8057')).status).toBe(404)
    expect(problemCode(await ask('/cache/orders/nonsense'))).toBe('order-unknown')
  })

  test('a rebuilt cache is read in its present generation, and the old one no more', async () => {
    const [old, fresh] = [await cdc.place({ note: 'old' }), await cdc.place({ note: 'fresh' })]
    await cdc.put.redis(old)
    const generation = `${cdc.lane.name}:v2:order:`
    await cdc.redis.hset(generation + fresh.id, 'document', JSON.stringify(documentOf(fresh)), 'version', 5)
    expect((await ask(`/cache/orders/${fresh.id}`)).status).toBe(404)
    await cdc.redis.set(cdc.lane.cache.prefixKey, generation)
    try {
      expect(await ask(`/cache/orders/${fresh.id}`)).toMatchObject({ status: 200, body: { asOf: { version: 5 } } })
      expect((await ask(`/cache/orders/${old.id}`)).status).toBe(404)
      expect(await ask(`/orders/${fresh.id}/everywhere`)).toMatchObject({
        body: { stores: { redis: { state: 'present', divergence: null } } },
      })
    } finally {
      await cdc.redis.del(cdc.lane.cache.prefixKey)
    }
  })

  test('what is no order is a fault of the cache, and not of whoever asks', async () => {
    const [text, list] = [await cdc.place(), await cdc.place()]
    await cdc.redis.hset(cdc.lane.redisKey(text.id), 'document', 'half an order {')
    await cdc.redis.set(cdc.lane.redisKey(list.id), 'no hash')
    for (const { id } of [text, list]) {
      const answer = await ask(`/cache/orders/${id}`)
      expect([answer.status, problemCode(answer)]).toEqual([502, 'order-unreadable'])
    }
  })
})

describe('GET /search', () => {
  const idsOf = async (query: string): Promise<readonly unknown[]> =>
    (await pagesOf(`/search?${query}`, searchPageSchema)).flatMap(({ hits }) => hits.map(({ order }) => order['id']))

  test('finds orders by their words, status and time, and hides those that were deleted', async () => {
    for (const under of [cdc, dual]) {
      const lane = inLane(under)
      const first = await under.place({ note: 'leave it with Zebediah', createdAt: '2026-01-02T03:04:05.678Z' })
      const second = await under.place({
        customerName: 'Zebediah Müller',
        status: 'paid',
        createdAt: '2026-01-03T00:00:00.000Z',
        items: [{ ...item, sku: 'zither-9', description: 'a zither' }],
      })
      const gone = await under.place({ note: 'Zebediah once more' })
      for (const row of [first, second, gone]) await under.copy(row)
      await under.remove(gone)

      expect(await idsOf(`${lane}&q=zebediah`)).toEqual([second.id, first.id])
      expect(await idsOf(`${lane}&q=zebediah&limit=1`)).toEqual([second.id, first.id])
      expect(await idsOf(`${lane}&q=zebediah&status=paid`)).toEqual([second.id])
      expect(await idsOf(`${lane}&q=zither-9`)).toEqual([second.id])
      expect(await idsOf(`${lane}&q=${first.id}`)).toEqual([first.id])
      expect(await idsOf(`${lane}&q=zebediah&from=2026-01-03`)).toEqual([second.id])
      expect(await idsOf(`${lane}&q=zebediah&to=2026-01-03`)).toEqual([first.id])
      expect(
        await idsOf(`${lane}&q=zebediah&from=2026-01-02T04:04:05.678%2B01:00&to=2026-01-02T03:04:05.679Z`),
      ).toEqual([first.id])
      expect(await idsOf(`${lane}&q=leave+zebediah`)).toEqual([first.id])
      expect(await idsOf(`${lane}&q=leave+m%C3%BCller`)).toEqual([])
    }
  })

  test('each hit says which version it shows, and the page when the newest change was made', async () => {
    const row = await cdc.place({ note: 'quokka' })
    await cdc.copy(row, 4_711)
    const [page] = await pagesOf('/search?q=quokka', searchPageSchema)
    expect(page).toMatchObject({
      hits: [{ order: documentOf(row), asOf: { version: 4_711, versionOf: 'log' } }],
      asOf: { version: null, at: row.updated_at.toISOString() },
    })
  })

  test('pages leave nothing out and repeat nothing, also where many orders have one time', async () => {
    const rows = await Promise.all(
      Array.from({ length: 23 }, (_none, index) =>
        cdc.place({ note: 'okapi', createdAt: `2026-02-0${String(1 + (index % 3))}T00:00:00.000Z` }),
      ),
    )
    await Promise.all(rows.map((row) => cdc.put.elasticsearch(row)))
    await cdc.refresh()
    const pages = await pagesOf('/search?q=okapi&limit=5', searchPageSchema)
    expect(pages.map(({ hits }) => hits.length)).toEqual([5, 5, 5, 5, 3])
    const found = pages.flatMap(({ hits }) => hits.map(({ order }) => order['id']))
    const expected = rows
      .toSorted((a, b) => b.created_at.getTime() - a.created_at.getTime() || (a.id < b.id ? -1 : 1))
      .map(({ id }) => id)
    expect(found).toEqual(expected)
  })

  test('an index that was rebuilt is followed through its alias', async () => {
    const row = await cdc.place({ note: 'axolotl' })
    const { index } = cdc.lane
    const { [`${index}-v1`]: first } = await cdc.elasticsearch.indices.get({ index: `${index}-v1` })
    await cdc.elasticsearch.indices.create({ index: `${index}-v2`, mappings: first?.mappings ?? {} })
    await cdc.elasticsearch.index({ index: `${index}-v2`, id: row.id, document: documentOf(row), refresh: true })
    const point = (from: string, to: string): Promise<unknown> =>
      cdc.elasticsearch.indices.updateAliases({
        actions: [
          { remove: { index: `${index}-${from}`, alias: index } },
          {
            add: {
              index: `${index}-${to}`,
              alias: index,
              is_write_index: true,
              filter: { bool: { must_not: [{ term: { deleted: true } }] } },
            },
          },
        ],
      })
    await point('v1', 'v2')
    try {
      expect(await idsOf('q=axolotl')).toEqual([row.id])
    } finally {
      await point('v2', 'v1')
    }
    expect(await idsOf('q=axolotl')).toEqual([])
  })
})

describe('GET /warehouse/revenue', () => {
  test('adds up by day, status and sku, each currency for itself, without what was cancelled', async () => {
    const under = await openLane('dual-write')
    const own = await startService([under.lane])
    try {
      const lamp = { sku: 'lamp', description: 'a lamp', quantity: 1, unitPriceCents: 10_000 }
      const enormous = { sku: 'moon', description: 'the moon', quantity: 90_000, unitPriceCents: 100_000_000_000 }
      for (const columns of [
        { createdAt: '2026-01-02T23:59:59.999Z', items: [item, lamp] },
        { createdAt: '2026-01-03T00:00:00.000Z', items: [lamp], currency: 'USD', status: 'paid' },
        { createdAt: '2026-01-03T12:00:00.000Z', items: [item], status: 'cancelled' },
        { createdAt: '2026-01-03T13:00:00.000Z', items: [enormous] },
        { createdAt: '2026-01-03T14:00:00.000Z', items: [enormous] },
      ] as const) {
        await under.put.clickhouse(await under.place(columns))
      }
      const rowsBy = async (by: string, limit = 20): Promise<readonly unknown[]> => {
        const rows: unknown[] = []
        let cursor: string | null = null
        do {
          const more: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
          const page = revenuePageSchema.parse(
            (await own.ask(`/warehouse/revenue?by=${by}&limit=${limit}${more}`)).body,
          )
          expect(page.rows.length).toBeLessThanOrEqual(limit)
          rows.push(...page.rows)
          cursor = page.nextCursor
        } while (cursor !== null)
        return rows
      }
      const moons = '18000000000000000'
      const byDay = [
        { group: '2026-01-02', currency: 'EUR', orders: 1, revenueCents: '10900' },
        { group: '2026-01-03', currency: 'EUR', orders: 2, revenueCents: moons },
        { group: '2026-01-03', currency: 'USD', orders: 1, revenueCents: '10000' },
      ]
      expect(await rowsBy('day')).toEqual(byDay)
      expect(await rowsBy('day', 1)).toEqual(byDay)
      expect(await rowsBy('status', 2)).toEqual([
        { group: 'cancelled', currency: 'EUR', orders: 1, revenueCents: '900' },
        { group: 'paid', currency: 'USD', orders: 1, revenueCents: '10000' },
        { group: 'placed', currency: 'EUR', orders: 3, revenueCents: '18000000000010900' },
      ])
      expect(await rowsBy('sku', 3)).toEqual([
        { group: 'lamp', currency: 'EUR', orders: 1, revenueCents: '10000' },
        { group: 'lamp', currency: 'USD', orders: 1, revenueCents: '10000' },
        { group: 'moon', currency: 'EUR', orders: 2, revenueCents: moons },
        { group: 'tea-1', currency: 'EUR', orders: 1, revenueCents: '900' },
      ])
      expect((await own.ask('/warehouse/revenue')).body).toMatchObject({
        by: 'day',
        asOf: { version: null, at: '2026-01-03T14:00:00.000Z' },
      })
    } finally {
      await own.close()
      await under.drop()
    }
  })

  test('an empty warehouse has no rows, and no time', async () => {
    const under = await openLane('cdc')
    const own = await startService([under.lane])
    try {
      expect((await own.ask('/warehouse/revenue')).body).toMatchObject({ rows: [], asOf: { at: null, ageMs: null } })
      expect((await own.ask('/search')).body).toMatchObject({ hits: [], asOf: { at: null, ageMs: null } })
    } finally {
      await own.close()
      await under.drop()
    }
  })
})

describe('GET /warehouse/orders/:id/history', () => {
  test('answers every change in the order of the log, once each, the delete among them', async () => {
    const row = await cdc.place()
    const versions = [3, 5, 9, 14, 15]
    for (const [index, version] of versions.entries()) {
      await cdc.put.clickhouse({ ...row, note: `note ${version}`, revision: index + 1 }, version)
    }
    // Redelivered.
    await cdc.put.clickhouse({ ...row, note: 'note 9', revision: 3 }, 9)
    await cdc.remove({ ...row, note: 'note 15', revision: 5 }, 20)

    const pages = await pagesOf(`/warehouse/orders/${row.id}/history?limit=2`, historyPageSchema)
    expect(pages.map(({ changes }) => changes.length)).toEqual([2, 2, 2])
    const changes = pages.flatMap((page) => page.changes)
    expect(changes.map(({ version, operation }) => `${operation} ${version}`)).toEqual([
      'insert 3',
      'update 5',
      'update 9',
      'update 14',
      'update 15',
      'delete 20',
    ])
    expect(changes[2]).toMatchObject({ order: { ...documentOf(row), note: 'note 9', revision: 3 } })
    for (const { asOf } of pages) expect(asOf).toMatchObject({ version: 20, versionOf: 'log' })
  })

  test('an order without a change is 404, and so is every one of a lane that keeps no changes', async () => {
    const unknown = await ask('/warehouse/orders/01890a5d-ac96-774b-bcce-b302099a8057/history')
    expect([unknown.status, problemCode(unknown)]).toEqual([404, 'order-unknown'])
    const row = await dual.place()
    await dual.copy(row)
    const answer = await ask(`/warehouse/orders/${row.id}/history?${inLane(dual)}`)
    expect([answer.status, problemCode(answer)]).toEqual([404, 'history-not-kept'])
  })
})

describe('GET /orders/:id/everywhere', () => {
  const storesOf = async (under: LaneUnderTest, id: string): Promise<Readonly<Record<string, unknown>>> => {
    const { status, body } = await ask(`/orders/${id}/everywhere?${inLane(under)}`)
    expect(status).toBe(200)
    return z.looseObject({ consistent: z.unknown(), stores: z.looseObject({}) }).parse(body)
  }

  test('stores that agree are shown alike, with nothing marked', async () => {
    for (const under of [cdc, dual]) {
      const row = await under.place()
      await under.copy(row, 42)
      const alike = { state: 'present', order: documentOf(row), divergence: null, differs: [], reason: null }
      const asOf = under === cdc ? { version: 42, versionOf: 'log' } : { version: 1, versionOf: 'revision' }
      expect(await storesOf(under, row.id)).toMatchObject({
        consistent: true,
        stores: {
          postgresql: { ...alike, asOf: { version: 1, versionOf: 'revision', at: row.updated_at.toISOString() } },
          redis: { ...alike, asOf },
          elasticsearch: { ...alike, asOf },
          clickhouse: { ...alike, asOf },
        },
      })
    }
  })

  test('exactly the fields that somebody changed behind the back of the others are marked', async () => {
    for (const under of [cdc, dual]) {
      const first = await under.place({ note: 'first' })
      await under.put.redis(first)
      await under.postgres.query(`update ${under.lane.table} set note = 'second', status = 'paid' where id = $1`, [
        first.id,
      ])
      const second = await under.current(first.id)
      const cheaper = { ...item, unitPriceCents: 1 }
      await under.put.elasticsearch({ ...second, customer_name: 'Mallory' })
      await under.put.clickhouse({ ...second, items: [cheaper], total_cents: 2 })

      expect(await storesOf(under, first.id)).toMatchObject({
        consistent: false,
        stores: {
          postgresql: { state: 'present', order: documentOf(second), differs: [] },
          redis: {
            divergence: 'stale',
            differs: ['status', 'note', 'updatedAt', 'revision'],
            order: documentOf(first),
          },
          elasticsearch: { divergence: 'corrupt', differs: ['customerName'], order: { customerName: 'Mallory' } },
          clickhouse: {
            divergence: 'corrupt',
            differs: ['items', 'totalCents'],
            order: { ...documentOf(second), items: [cheaper], totalCents: 2 },
          },
        },
      })
    }
  })

  test('what is missing, cannot be read, was never there or came back is named', async () => {
    const missing = await cdc.place()
    await cdc.put.clickhouse(missing)
    await cdc.redis.hset(cdc.lane.redisKey(missing.id), 'document', 'no order')
    expect(await storesOf(cdc, missing.id)).toMatchObject({
      consistent: false,
      stores: {
        redis: { state: 'unreadable', divergence: 'corrupt', order: null, asOf: null },
        elasticsearch: { state: 'absent', divergence: 'missing' },
        clickhouse: { state: 'present', divergence: null },
      },
    })

    const deleted = await dual.place()
    await dual.copy(deleted)
    await dual.postgres.query(`delete from ${dual.lane.table} where id = $1`, [deleted.id])
    await dual.remove(deleted)
    expect(await storesOf(dual, deleted.id)).toMatchObject({
      consistent: true,
      stores: {
        postgresql: { state: 'deleted', order: null, asOf: { version: 1 } },
        redis: { state: 'absent', divergence: null },
        elasticsearch: { state: 'absent', divergence: null },
        clickhouse: { state: 'absent', divergence: null },
      },
    })
    await dual.put.redis(deleted)
    expect(await storesOf(dual, deleted.id)).toMatchObject({
      consistent: false,
      stores: { redis: { state: 'present', divergence: 'resurrected' } },
    })

    const phantom = { ...deleted, id: '01890a5d-ac96-774b-bcce-b302099a8058' }
    await dual.put.elasticsearch(phantom)
    expect(await storesOf(dual, phantom.id)).toMatchObject({
      consistent: false,
      stores: { postgresql: { state: 'absent' }, elasticsearch: { divergence: 'phantom', order: documentOf(phantom) } },
    })
  })

  test('an order that no store has ever heard of is 404', async () => {
    const answer = await ask('/orders/01890a5d-ac96-774b-bcce-b302099a8059/everywhere')
    expect([answer.status, problemCode(answer)]).toEqual([404, 'order-unknown'])
  })
})
