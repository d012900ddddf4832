import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { laneNames } from '@driftlab/order'
import { addChangeTable, addOutbox } from '../../../../infra/postgres/lane.ts'
import { newOrder, openLane, place, type Lane, type Service } from '../orders-under-test.ts'

let lane: Lane
let service: Service

beforeAll(async () => {
  lane = await openLane()
  await addOutbox(lane.postgres, laneNames(lane.name).schema)
  service = await lane.start('outbox')
}, 30_000)

afterAll(async () => {
  await service.close()
  await lane.drop()
}, 30_000)

interface Event {
  readonly type: string
  readonly occurredAt: string
  readonly order: Readonly<Record<string, unknown>>
}

async function eventsOf(id: string): Promise<readonly Event[]> {
  const { rows } = await lane.postgres.query<{ payload: Event }>(
    `select payload from ${laneNames(lane.name).schema}.outbox where aggregateid = $1 order by seq`,
    [id],
  )
  return rows.map(({ payload }) => payload)
}

test('each change leaves one event with the whole row, the last one as it was', async () => {
  const id = await place(service)
  await service.ask('PATCH', `/orders/${id}`, { body: { note: 'second' } })
  await service.ask('DELETE', `/orders/${id}`)
  expect(await eventsOf(id)).toMatchObject([
    {
      type: 'OrderPlaced',
      order: { id, note: newOrder.note, customer_name: newOrder.customerName, items: newOrder.items, revision: 1 },
    },
    { type: 'OrderChanged', order: { id, note: 'second', revision: 2 } },
    { type: 'OrderRemoved', order: { id, note: 'second', revision: 2 } },
  ])
})

test('a request that changes nothing tells nothing', async () => {
  const headers = { 'idempotency-key': 'outbox-once' }
  const first = await service.ask('POST', '/orders', { body: newOrder, headers })
  const again = await service.ask('POST', '/orders', { body: newOrder, headers })
  expect(again.body).toEqual(first.body)
  const { id } = first.body as { id: string }
  await service.ask('PATCH', `/orders/${id}`, { body: { note: 'refused' }, headers: { 'if-match': '"7"' } })
  expect(await eventsOf(id)).toHaveLength(1)
})

test('no order without its event: when the event cannot be written, neither is the order', async () => {
  const id = await place(service)
  const { schema } = laneNames(lane.name)
  const before = await lane.rowCount()
  await lane.postgres.query(`alter table ${schema}.outbox add constraint refuses check (false) not valid`)
  try {
    const update = await service.ask('PATCH', `/orders/${id}`, { body: { note: 'never' } })
    const create = await service.ask('POST', '/orders', { body: newOrder })
    const removal = await service.ask('DELETE', `/orders/${id}`)
    expect([update.status, create.status, removal.status]).toEqual([422, 422, 422])
  } finally {
    await lane.postgres.query(`alter table ${schema}.outbox drop constraint refuses`)
  }
  expect(await lane.rowCount()).toBe(before)
  expect((await service.ask('GET', `/orders/${id}`)).body).toMatchObject({ note: newOrder.note })
  expect(await eventsOf(id)).toHaveLength(1)
})

test('with a change table, whoever changes an order leaves the change there, and nobody can write it otherwise', async () => {
  const { schema } = laneNames(lane.name)
  await addChangeTable(lane.postgres, schema)
  const triggered = await lane.start('trigger')
  try {
    const id = await place(triggered)
    await lane.postgres.query(`update ${schema}.orders set note = 'by hand' where id = $1`, [id])
    await triggered.ask('DELETE', `/orders/${id}`)
    const { rows } = await lane.postgres.query(
      `select operation, before, after from ${schema}.order_changes where coalesce(after, before)->>'id' = $1 order by seq`,
      [id],
    )
    expect(rows).toMatchObject([
      { operation: 'insert', before: null, after: { id, note: newOrder.note, items: newOrder.items, revision: 1 } },
      { operation: 'update', before: { note: newOrder.note }, after: { note: 'by hand', revision: 2 } },
      { operation: 'delete', before: { id, note: 'by hand' }, after: null },
    ])
  } finally {
    await triggered.close()
  }
})
