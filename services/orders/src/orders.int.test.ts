import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { laneNames } from '@driftlab/order'
import { eventually } from '@driftlab/stores/testing'
import {
  item,
  newOrder,
  openLane,
  place,
  problemCode,
  type Lane,
  type Service,
  type Strategy,
} from './orders-under-test.ts'

describe.each<Strategy>(['cdc', 'dual-write'])('the orders API with %s', (strategy) => {
  let lane: Lane
  let service: Service

  beforeAll(async () => {
    lane = await openLane(strategy === 'cdc' ? {} : { derivedStores: 'dual-write' })
    service = await lane.start(strategy)
  }, 30_000)
  afterAll(async () => {
    await service.close()
    await lane.drop()
  }, 30_000)

  test('an order that was placed is read back as it was answered', async () => {
    const placed = await service.ask('POST', '/orders', { body: newOrder })
    expect(placed.status).toBe(201)
    expect(placed.body).toMatchObject({ ...newOrder, status: 'placed', totalCents: 900, revision: 1 })
    expect(placed.headers.get('etag')).toBe('"1"')
    const read = await service.ask('GET', placed.headers.get('location') ?? '')
    expect(read).toMatchObject({ status: 200, body: placed.body })
    expect(read.headers.get('etag')).toBe('"1"')
  })

  test('every update raises the revision by one and never sets a time back', async () => {
    const id = await place(service)
    const moves = [{ status: 'paid' }, { note: 'leave at the door' }, { status: 'shipped' }, { status: 'delivered' }]
    let before = (await service.ask('GET', `/orders/${id}`)).body
    for (const [index, body] of moves.entries()) {
      const answer = await service.ask('PATCH', `/orders/${id}`, { body })
      expect(answer).toMatchObject({ status: 200, body: { ...body, revision: index + 2 } })
      expect(Date.parse(field(answer.body, 'updatedAt'))).toBeGreaterThanOrEqual(Date.parse(field(before, 'updatedAt')))
      expect(field(answer.body, 'createdAt')).toBe(field(before, 'createdAt'))
      before = answer.body
    }
  })

  test('an illegal move changes nothing', async () => {
    const id = await place(service)
    const answer = await service.ask('PATCH', `/orders/${id}`, { body: { status: 'delivered', note: 'sneaked in' } })
    expect(answer.status).toBe(409)
    expect(problemCode(answer)).toBe('illegal-move')
    expect((await service.ask('GET', `/orders/${id}`)).body).toMatchObject({ revision: 1, note: newOrder.note })
  })

  test('items change while the order is placed, the total with them, and not after', async () => {
    const id = await place(service)
    const body = { items: [item, { ...item, sku: 'cup-1', quantity: 1, unitPriceCents: 1 }] }
    expect(await service.ask('PATCH', `/orders/${id}`, { body })).toMatchObject({
      status: 200,
      body: { ...body, totalCents: 901 },
    })
    await service.ask('PATCH', `/orders/${id}`, { body: { status: 'paid' } })
    const locked = await service.ask('PATCH', `/orders/${id}`, { body })
    expect(locked.status).toBe(409)
    expect(problemCode(locked)).toBe('items-locked')
  })

  test('a merge patch is a patch', async () => {
    const id = await place(service)
    const headers = { 'content-type': 'application/merge-patch+json' }
    expect(await service.ask('PATCH', `/orders/${id}`, { body: { note: 'n' }, headers })).toMatchObject({ status: 200 })
  })

  test('of writes that name the same revision, one wins and the others are told that it moved', async () => {
    const id = await place(service)
    const headers = { 'if-match': '"1"' }
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map((note) => service.ask('PATCH', `/orders/${id}`, { body: { note }, headers })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412])
    expect((await service.ask('DELETE', `/orders/${id}`, { headers })).status).toBe(412)
    expect((await service.ask('DELETE', `/orders/${id}`, { headers: { 'if-match': '"2"' } })).status).toBe(204)
  })

  test('of two conflicting moves at once, exactly one is legal', async () => {
    const id = await place(service)
    const answers = await Promise.all(
      ['paid', 'cancelled', 'paid', 'cancelled'].map((status) =>
        service.ask('PATCH', `/orders/${id}`, { body: { status } }),
      ),
    )
    const wins = answers.filter(({ status }) => status === 200)
    // Cancelling a paid order is legal, so a payment that came first leaves room for one cancellation.
    expect([1, 2]).toContain(wins.length)
    expect((await service.ask('GET', `/orders/${id}`)).body).toMatchObject({
      status: 'cancelled',
      revision: wins.length + 1,
    })
  })

  test('twenty updates at once are twenty revisions: none is lost', async () => {
    const id = await place(service)
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        service.ask('PATCH', `/orders/${id}`, { body: { note: String(index) } }),
      ),
    )
    expect((await service.ask('GET', `/orders/${id}`)).body).toMatchObject({ revision: 21 })
  }, 30_000)

  test('a deleted order is gone, for every method, and stays so', async () => {
    const id = await place(service)
    expect((await service.ask('DELETE', `/orders/${id}`)).status).toBe(204)
    for (const [method, body] of [
      ['GET', undefined],
      ['PATCH', { note: 'n' }],
      ['DELETE', undefined],
    ] as const) {
      const answer = await service.ask(method, `/orders/${id}`, { body })
      expect(answer.status).toBe(410)
      expect(problemCode(answer)).toBe('order-deleted')
    }
  })

  test('an order that never was is unknown, for every method', async () => {
    for (const id of ['01890a5d-ac96-774b-bcce-b302099a8057', 'nonsense', '1']) {
      for (const [method, body] of [
        ['GET', undefined],
        ['PATCH', { note: 'n' }],
        ['DELETE', undefined],
      ] as const) {
        const answer = await service.ask(method, `/orders/${id}`, { body })
        expect(answer.status).toBe(404)
        expect(problemCode(answer)).toBe('order-unknown')
      }
    }
  })

  test('a key that comes twice places one order and gets the same answer, even after the order has changed', async () => {
    const headers = { 'idempotency-key': 'twice' }
    const first = await service.ask('POST', '/orders', { body: newOrder, headers })
    await service.ask('PATCH', first.headers.get('location') ?? '', { body: { status: 'paid' } })
    // The same request with its fields in another order is the same request.
    const shuffled = Object.fromEntries(Object.entries(newOrder).reverse())
    const second = await service.ask('POST', '/orders', { body: shuffled, headers })
    expect(second).toMatchObject({ status: 201, body: first.body })
    for (const header of ['location', 'etag']) expect(second.headers.get(header)).toBe(first.headers.get(header))
  })

  test('a key that comes with another body is refused', async () => {
    const headers = { 'idempotency-key': 'other-body' }
    await service.ask('POST', '/orders', { body: newOrder, headers })
    const before = await lane.rowCount()
    const answer = await service.ask('POST', '/orders', { body: { ...newOrder, note: 'other' }, headers })
    expect(answer.status).toBe(422)
    expect(problemCode(answer)).toBe('idempotency-key-reused')
    expect(await lane.rowCount()).toBe(before)
  })

  test('a key that comes ten times at once places exactly one order', async () => {
    const before = await lane.rowCount()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        service.ask('POST', '/orders', { body: newOrder, headers: { 'idempotency-key': 'at-once' } }),
      ),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    expect(new Set(answers.map(({ body }) => field(body, 'id'))).size).toBe(1)
    expect(await lane.rowCount()).toBe(before + 2)
  })

  test('pages list every order once, in the order they were placed, also while others are placed', async () => {
    const placed: string[] = []
    for (let count = 0; count < 7; count += 1) placed.push(await place(service))
    const listed: string[] = []
    let cursor: string | undefined
    do {
      const page = await service.ask('GET', `/orders?limit=3${cursor === undefined ? '' : `&cursor=${cursor}`}`)
      expect(page.status).toBe(200)
      const { orders, nextCursor } = page.body as { orders: { id: string }[]; nextCursor: string | null }
      listed.push(...orders.map(({ id }) => id))
      cursor = nextCursor ?? undefined
      if (listed.length <= 3) await place(service)
    } while (cursor !== undefined)
    expect(listed).toEqual([...new Set(listed)].sort())
    expect(listed).toEqual(expect.arrayContaining(placed))
  })

  test('a connection that the database ends in the middle of a transaction fails that write and nothing else', async () => {
    const id = await place(service)
    const holder = await lane.postgres.connect()
    try {
      await holder.query('begin')
      await holder.query(`select from ${laneNames(lane.name).table} where id = $1 for update`, [id])
      const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid')
      const terminateWaiting = async (): Promise<boolean> => {
        const { rowCount } = await lane.postgres.query(
          'select pg_terminate_backend(pid) from pg_stat_activity where $1 = any(pg_blocking_pids(pid))',
          [rows[0]?.pid],
        )
        return rowCount === 1
      }
      // The service has begun its transaction and waits for the lock that we hold.
      const [answer] = await Promise.all([
        service.ask('PATCH', `/orders/${id}`, { body: { note: 'never written' } }),
        eventually(terminateWaiting, { deadlineMs: 1_500, what: 'the write waits for the lock' }),
      ])
      expect(answer.status).toBe(503)
      expect(problemCode(answer)).toBe('database-unavailable')
    } finally {
      await holder.query('rollback')
      holder.release()
    }
    const next = await service.ask('PATCH', `/orders/${id}`, { body: { note: 'written' } })
    expect(next).toMatchObject({ status: 200, body: { note: 'written', revision: 2 } })
  })

  // fetch adds `Cache-Control: no-cache` to a conditional request unless it carries a Cache-Control of its own.
  test('an order that is unchanged is not sent again', async () => {
    const id = await place(service)
    const answer = await service.ask('GET', `/orders/${id}`, {
      headers: { 'if-none-match': '"1"', 'cache-control': 'max-age=0' },
    })
    expect(answer).toMatchObject({ status: 304, body: '' })
  })

  test('it is live, ready with every dependency, and measured by route', async () => {
    expect(await service.ask('GET', '/live')).toMatchObject({ status: 200 })
    const stores = strategy === 'cdc' ? ['postgresql'] : ['postgresql', 'redis', 'elasticsearch', 'clickhouse']
    expect(await service.ask('GET', '/ready')).toMatchObject({
      status: 200,
      body: { ready: true, checks: Object.fromEntries(stores.map((store) => [store, 'ok'])) },
    })
    const metrics = await (await fetch(`${service.url}/metrics`)).text()
    expect(metrics).toMatch(
      /driftlab_orders_request_duration_seconds_count\{.*method="PATCH",route="\/orders\/:id",status="412"/,
    )
  })
})

function field(body: unknown, name: string): string {
  return String((body as Readonly<Record<string, unknown>>)[name])
}
