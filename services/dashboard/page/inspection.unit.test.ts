import { expect, test } from '@jest/globals'
import { inspect, type Evidence } from './inspection.ts'

const source = {
  state: 'present',
  revision: 2,
  values: { id: 'a', customer_name: 'Ada', items: [{ sku: 's' }], note: null },
} as const
const columns = { id: 'id', customerName: 'customer_name', items: 'items', note: 'note' }
const same = { status: 'same', reason: null, holds: 'present', revision: 2, differences: [], columns } as const

test('puts every store beside the source, field by field under the name of its column, and marks what differs', () => {
  const evidence: Evidence = {
    source,
    stores: {
      redis: { ...same, fields: { id: 'a', customerName: 'Ada', items: [{ sku: 's' }], note: null } },
      elasticsearch: {
        ...same,
        status: 'stale',
        reason: 'the store holds revision 1, the source 2',
        fields: { id: 'a', customerName: 'Bob', items: [], note: null },
        differences: [{ field: 'customerName' }, { field: 'items' }],
      },
      clickhouse: { ...same, status: 'missing', reason: 'the store does not hold it', holds: 'absent', fields: null },
    },
  }
  const { rows, stores } = inspect(evidence)
  expect(rows.map(({ field, source: value }) => [field, value])).toEqual([
    ['id', 'a'],
    ['customer_name', 'Ada'],
    ['items', '[{"sku":"s"}]'],
    ['note', 'null'],
  ])
  expect(rows[1]?.stores).toEqual([
    { text: 'Ada', differs: false },
    { text: 'Bob', differs: true },
    { text: '', differs: false },
  ])
  expect(rows[2]?.stores.map(({ differs }) => differs)).toEqual([false, true, false])
  expect(stores.map(({ says }) => says)).toEqual([
    'says the same',
    'the store holds revision 1, the source 2',
    'holds nothing',
  ])
})

test('of an order that the source deleted, shows what a store still holds', () => {
  const { source: says, rows } = inspect({
    source: { state: 'deleted', revision: 7, deletedAt: '2026-11-27T10:00:00.000Z' },
    stores: {
      redis: {
        ...same,
        status: 'resurrected',
        reason: 'the source deleted it',
        fields: { id: 'a', note: 'still here' },
      },
      clickhouse: { ...same, holds: 'absent', fields: null },
    },
  })
  expect(says).toBe('deleted it at revision 7, 2026-11-27T10:00:00.000Z')
  expect(rows.find(({ field }) => field === 'note')?.stores[0]).toEqual({ text: 'still here', differs: false })
})

test('a store that did not answer is said to have not', () => {
  const { stores } = inspect({
    source,
    stores: { redis: { ...same, status: 'unobserved', holds: 'unobserved', fields: null } },
  })
  expect(stores[0]?.says).toBe('did not answer')
})
