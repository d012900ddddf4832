import { deleteAt, describeSinkContract, orderRow, upsertAt } from '@driftlab/sink-contract'
import { laneNames, type OrderDocument, type WarehouseOrder } from '@driftlab/order'
import { connectClickHouse } from '@driftlab/stores'
import { testSettings, throwAwayLane } from '@driftlab/stores/testing'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { dropLane, setUpLane } from '../../../infra/clickhouse/lane.ts'
import { project } from './project.ts'
import { createWarehouseStore } from './store.ts'

const { clickhouseUrl } = testSettings()
const lane = throwAwayLane()
const { warehouseDatabase: database } = laneNames(lane)
const client = connectClickHouse(clickhouseUrl, { timeoutMs: 20_000 })
const store = createWarehouseStore(client, { database })

beforeAll(async () => {
  await setUpLane(client, lane, 'cdc')
}, 30_000)
afterAll(async () => {
  await dropLane(client, lane)
  await client.close()
}, 30_000)

async function select<Row>(query: string, id: string): Promise<readonly Row[]> {
  const result = await client.query({
    query,
    query_params: { id },
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0, date_time_output_format: 'iso' },
  })
  return result.json<Row>()
}

function toDocument(row: WarehouseOrder): OrderDocument {
  return {
    id: row.id,
    customerId: row.customer_id,
    customerName: row.customer_name,
    items: row.items.map(({ unit_price_cents, ...item }) => ({ ...item, unitPriceCents: unit_price_cents })),
    status: row.status,
    note: row.note,
    totalCents: row.total_cents,
    currency: row.currency,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    revision: row.revision,
  }
}

describeSinkContract('warehouse-loader', () =>
  Promise.resolve({
    store,
    project,
    read: async (id) => {
      const [row] = await select<WarehouseOrder>(`SELECT * FROM ${database}.orders WHERE id = {id: String}`, id)
      return row === undefined ? undefined : toDocument(row)
    },
    // Merging is what ClickHouse does with time; a deleted version stays through it.
    outlastDeletes: async () => {
      await client.command({ query: `OPTIMIZE TABLE ${database}.orders_by_version FINAL` })
    },
    // A year of six digits is a date to JavaScript, but not to ClickHouse.
    makeUnacceptable: (id) => Promise.resolve(upsertAt(2, orderRow(id, 1, { created_at: 8.64e15 }))),
    connectNowhere: () => createWarehouseStore(connectClickHouse('http://127.0.0.1:1'), { database }),
    close: () => Promise.resolve(),
  }),
)

test('every change is kept once, however often it is delivered', async () => {
  const id = crypto.randomUUID()
  const changes = [upsertAt(1, orderRow(id, 1)), upsertAt(2, orderRow(id, 2)), deleteAt(3, orderRow(id, 2))]
  const operations = changes.flatMap(project)
  const distinct = [...new Map(operations.map((operation) => [operation.key, operation])).values()]
  await store.write(distinct)
  await store.write(distinct)
  const kept = await select(
    `SELECT version, operation, revision, committed_at FROM ${database}.order_changes FINAL WHERE id = {id: String} ORDER BY version`,
    id,
  )
  expect(kept).toEqual([
    { version: 2, operation: 'update', revision: 1, committed_at: '2026-01-02T00:00:00.001000Z' },
    { version: 3, operation: 'update', revision: 2, committed_at: '2026-01-02T00:00:00.002000Z' },
    { version: 4, operation: 'delete', revision: 2, committed_at: '2026-01-02T00:00:00.003000Z' },
  ])
})
