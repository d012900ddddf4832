import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { laneNames } from '@driftlab/order'
import { connectPostgres, type Postgres } from '@driftlab/stores'
import { testSettings } from '@driftlab/stores/testing'
import { createReadModel, dropReadModel } from '../../../../infra/postgres/read-model.ts'
import { closedPort, newOrder, openLane, place, problemCode, type Lane, type Service } from '../orders-under-test.ts'

const { postgresUrl, variables } = testSettings()
let lane: Lane
let database: string
let readModel: Postgres
let folder: string
let service: Service

/** With the rights that the service really has. */
const asOrders = (url: string): string => {
  const own = new URL(url)
  own.username = variables['POSTGRES_ORDERS_USER'] ?? ''
  own.password = variables['POSTGRES_ORDERS_PASSWORD'] ?? ''
  return own.toString()
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'two-phase-'))
  lane = await openLane()
  database = `${laneNames(lane.name).schema}_read_model`
  readModel = connectPostgres(asOrders(await createReadModel(postgresUrl, database)))
  service = await start()
}, 30_000)

afterAll(async () => {
  await service.close()
  await readModel.end()
  await dropReadModel(postgresUrl, database)
  await lane.drop()
  await rm(folder, { recursive: true })
}, 30_000)

const start = (overrides: Readonly<Record<string, string>> = {}): Promise<Service> =>
  lane.start('two-phase-commit', {
    READ_MODEL_URL: asOrders(postgresUrl).replace(/[^/]+$/, database),
    COORDINATOR_LOG: join(folder, 'log'),
    ...overrides,
  })

async function documentOf(id: string): Promise<unknown> {
  const { rows } = await readModel.query<{ document: unknown }>('select document from order_documents where id = $1', [
    id,
  ])
  return rows[0]?.document
}

test('a new order, its update and its removal are in both databases when the answer comes', async () => {
  const id = await place(service)
  expect(await documentOf(id)).toMatchObject({ id, note: newOrder.note, revision: 1 })
  const { body } = await service.ask('PATCH', `/orders/${id}`, { body: { note: 'second' } })
  expect(await documentOf(id)).toEqual(body)
  await service.ask('DELETE', `/orders/${id}`)
  expect(await documentOf(id)).toBeUndefined()
  expect((await service.ask('GET', `/orders/${id}`)).status).toBe(410)
})

test('a repeated key answers again what it answered', async () => {
  const ask = () => service.ask('POST', '/orders', { body: newOrder, headers: { 'idempotency-key': 'once' } })
  const first = await ask()
  expect(await ask()).toMatchObject({ status: 201, body: first.body })
})

test('a refused change is in neither', async () => {
  const id = await place(service)
  expect((await service.ask('PATCH', `/orders/${id}`, { body: { status: 'delivered' } })).status).toBe(409)
  expect(await documentOf(id)).toMatchObject({ status: 'placed' })
})

test('while the read model is away nothing is written, and nothing is ready', async () => {
  const id = await place(service)
  const before = await lane.rowCount()
  const away = await start({
    READ_MODEL_URL: `postgres://nobody:nothing@127.0.0.1:${await closedPort()}/nowhere`,
    COORDINATOR_LOG: join(folder, 'away'),
  })
  try {
    const update = await away.ask('PATCH', `/orders/${id}`, { body: { note: 'never' } })
    expect([update.status, problemCode(update)]).toEqual([503, 'database-unavailable'])
    expect((await away.ask('POST', '/orders', { body: newOrder })).status).toBe(503)
    expect(await away.ask('GET', '/ready')).toMatchObject({ status: 503 })
  } finally {
    await away.close()
  }
  expect(await lane.rowCount()).toBe(before)
  expect((await service.ask('GET', `/orders/${id}`)).body).toMatchObject({ note: newOrder.note })
})

test('the service may write documents, and make nothing of its own in the read model', async () => {
  const denied = { code: '42501' }
  await expect(readModel.query('create table mine (id int)')).rejects.toMatchObject(denied)
  await expect(readModel.query('truncate order_documents')).rejects.toMatchObject(denied)
})
