import { deleteAt, describeSinkContract, orderRow, upsertAt } from '@driftlab/sink-contract'
import { laneNames, type OrderDocument } from '@driftlab/order'
import { connectElasticsearch } from '@driftlab/stores'
import { eventually, testSettings, throwAwayLane } from '@driftlab/stores/testing'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { dropLane, setUpLane } from '../../../infra/elasticsearch/lane.ts'
import { project } from './project.ts'
import { createSearchStore } from './store.ts'

const { elasticsearchUrl } = testSettings()
const lane = throwAwayLane()
const { index: alias } = laneNames(lane)
const client = connectElasticsearch(elasticsearchUrl, { timeoutMs: 20_000 })
const store = createSearchStore(client, { alias })

beforeAll(async () => {
  await setUpLane(client, lane, { indexSettings: { gc_deletes: '100ms', refresh_interval: '-1' } })
}, 30_000)
afterAll(async () => {
  await dropLane(client, lane)
  await client.close()
}, 30_000)

async function search(query: object): Promise<readonly OrderDocument[]> {
  await client.indices.refresh({ index: alias })
  const { hits } = await client.search<OrderDocument>({ index: alias, query })
  return hits.hits.flatMap(({ _source }) => _source ?? [])
}

describeSinkContract('search-indexer', () =>
  Promise.resolve({
    store,
    project,
    read: async (id) => (await search({ term: { id } }))[0],
    outlastDeletes: async () => {
      // Elasticsearch looks at a clock that it advances every 200 ms, so be well past 100 ms.
      const start = performance.now()
      await eventually(() => performance.now() - start > 1_500, { deadlineMs: 3_000 })
      await client.indices.refresh({ index: alias })
    },
    // A year of six digits is a date to JavaScript, but not to the mapping.
    makeUnacceptable: (id) => Promise.resolve(upsertAt(2, orderRow(id, 1, { created_at: 8.64e15 }))),
    connectNowhere: () => createSearchStore(connectElasticsearch('http://127.0.0.1:1'), { alias }),
    close: () => Promise.resolve(),
  }),
)

test('text is found in customer, note and item descriptions, and filtered by status and date', async () => {
  const id = crypto.randomUUID()
  const row = orderRow(id, 1, {
    customer_name: 'Persephone Quux',
    note: 'leave it behind the greenhouse',
    items: JSON.stringify([{ sku: 'x', description: 'a velociraptor plush', quantity: 1, unitPriceCents: 1 }]),
    status: 'paid',
  })
  await store.write(project(upsertAt(1, row)))
  for (const words of ['persephone', 'greenhouse', 'velociraptor']) {
    expect(
      await search({ multi_match: { query: words, fields: ['customerName', 'note', 'items.description'] } }),
    ).toMatchObject([{ id }])
  }
  const filtered = (status: string, gte: string): object => ({
    bool: { filter: [{ term: { id } }, { term: { status } }, { range: { createdAt: { gte } } }] },
  })
  expect(await search(filtered('paid', '2026-01-01'))).toHaveLength(1)
  expect(await search(filtered('placed', '2026-01-01'))).toHaveLength(0)
  expect(await search(filtered('paid', '2027-01-01'))).toHaveLength(0)
})

test('a deleted order keeps its version as a document that says when it was deleted', async () => {
  const id = crypto.randomUUID()
  await store.write(project(deleteAt(7, orderRow(id, 1))))
  const document = await client.get({ index: alias, id })
  expect(document).toMatchObject({ _version: 8, _source: { id, deleted: true, deletedAt: '2026-01-02T00:00:00.007Z' } })
})
