import { beforeAll, describe, expect, test } from '@jest/globals'
import {
  expectedFields,
  ordersLaneSpecification,
  type Held,
  type SourceRow,
  type SourceState,
  type Specification,
} from '@driftlab/auditor'
import fc from 'fast-check'
import { laneOf } from './lanes.ts'
import { sideBySide, type Reading, type SideBySide } from './side-by-side.ts'
import type { Found } from './stores/redis.ts'

const lane = laneOf('cdc')
const nowMs = Date.parse('2026-11-27T09:00:00.000Z')

const row: SourceRow = {
  key: '01890a5d-ac96-774b-bcce-b302099a8057',
  revision: 7,
  changedAtMs: null,
  values: {
    id: '01890a5d-ac96-774b-bcce-b302099a8057',
    revision: 7,
    customer_id: 'c-1',
    customer_name: 'Ada',
    items: [{ sku: 's', description: 'd', quantity: 2, unitPriceCents: 450 }],
    status: 'paid',
    note: 'n',
    total_cents: 900,
    currency: 'EUR',
    created_at: '2026-11-27T08:00:00.000Z',
    updated_at: '2026-11-27T08:30:00.000Z',
  },
}

let specification: Specification
beforeAll(async () => {
  specification = await ordersLaneSpecification(lane.name, { kind: 'bounded', inFlightMaxMs: 0 })
})

const documentOf = (source: SourceRow): Readonly<Record<string, unknown>> =>
  expectedFields(specification.record, specification.projections['document'] ?? {}, source)
/** As ClickHouse answers it: large numbers quoted, a column more. */
const warehouseRowOf = (source: SourceRow): Readonly<Record<string, unknown>> => {
  const fields = expectedFields(specification.record, specification.projections['warehouse'] ?? {}, source)
  const items = [{ sku: 's', description: 'd', quantity: 2, unit_price_cents: '450' }]
  return { ...fields, items, total_cents: '900', revision: String(source.revision), version: '99' }
}

const read = <Value>(value: Value): Reading<Value> => ({ outcome: 'read', value })
const down = { outcome: 'down', reason: 'no answer' } as const
const present = (fields: Readonly<Record<string, unknown>>): Reading<Found> =>
  read({ held: { state: 'present', fields }, version: 99 })
const holds = (held: Held): Reading<Found> => read({ held, version: null })
const absent = holds({ state: 'absent' })
const inRecord = read<SourceState<SourceRow>>({ row, deletion: null })
const nowhere = read<SourceState<SourceRow>>({ row: null, deletion: null })
const deleted = read<SourceState<SourceRow>>({ row: null, deletion: { revision: 7, deletedAtMs: nowMs - 1_000 } })

function show(
  record: Reading<SourceState<SourceRow>>,
  redis: Reading<Found>,
  elasticsearch: Reading<Found>,
  clickhouse: Reading<Found>,
): SideBySide | undefined {
  return sideBySide(lane, specification, { record, stores: { redis, elasticsearch, clickhouse } }, nowMs)
}

describe('one order in all stores', () => {
  test('is shown in the same fields, whatever names and forms each store has for them', () => {
    const shown = show(inRecord, present(documentOf(row)), present(documentOf(row)), present(warehouseRowOf(row)))
    expect(shown?.consistent).toBe(true)
    for (const { order, differs } of Object.values(shown?.stores ?? {})) {
      expect([order, differs]).toEqual([documentOf(row), []])
    }
    expect(shown?.stores.clickhouse.asOf).toMatchObject({ version: 99, versionOf: 'log', ageMs: 1_800_000 })
    expect(shown?.stores.postgresql?.asOf).toMatchObject({ version: 7, versionOf: 'revision' })
  })

  test('whichever fields differ, exactly those are marked, and under the names of the document', () => {
    const fields = Object.keys(specification.projections['document'] ?? {}).filter((field) => field !== 'revision')
    const columnOf = (field: string): string =>
      Object.entries(specification.projections['warehouse'] ?? {}).find(
        ([, { column }]) => column === specification.projections['document']?.[field]?.column,
      )?.[0] ?? ''
    fc.assert(
      fc.property(fc.subarray(fields), fc.subarray(fields), (inRedis, inWarehouse) => {
        const forged = { ...documentOf(row), ...Object.fromEntries(inRedis.map((field) => [field, 'forged'])) }
        const forgedRow = {
          ...warehouseRowOf(row),
          ...Object.fromEntries(inWarehouse.map((field) => [columnOf(field), 'forged'])),
        }
        const shown = show(inRecord, present(forged), present(documentOf(row)), present(forgedRow))
        expect(shown?.stores.redis.differs).toEqual(inRedis)
        expect(shown?.stores.elasticsearch.differs).toEqual([])
        expect(shown?.stores.clickhouse.differs).toEqual(inWarehouse)
        expect(shown?.consistent).toBe(inRedis.length + inWarehouse.length === 0)
      }),
    )
  })

  test('an older revision is stale, an unreadable document corrupt, and what is not there missing', () => {
    const old = { ...row, revision: 6, values: { ...row.values, revision: 6, note: 'before' } }
    const unreadable = holds({ state: 'unreadable', reason: 'the document is not JSON', excerpt: '{"id' })
    expect(show(inRecord, present(documentOf(old)), unreadable, absent)).toMatchObject({
      consistent: false,
      stores: {
        redis: { divergence: 'stale', differs: ['note', 'revision'] },
        elasticsearch: { state: 'unreadable', divergence: 'corrupt', reason: 'the document is not JSON: {"id' },
        clickhouse: { state: 'absent', divergence: 'missing', order: null },
      },
    })
  })

  test('what a store holds of an order that was deleted, or never was, is named so', () => {
    expect(show(deleted, absent, absent, absent)).toMatchObject({
      consistent: true,
      stores: { postgresql: { state: 'deleted', asOf: { version: 7, ageMs: 1_000 } } },
    })
    const still = present(documentOf(row))
    expect(show(deleted, still, absent, absent)).toMatchObject({
      consistent: false,
      stores: { redis: { divergence: 'resurrected', order: documentOf(row) } },
    })
    expect(show(nowhere, absent, still, absent)).toMatchObject({
      consistent: false,
      stores: { elasticsearch: { divergence: 'phantom' } },
    })
  })

  test('a store that is down is never taken for one that agrees, nor for one that lacks the order', () => {
    const good = present(documentOf(row))
    expect(show(inRecord, down, good, present(warehouseRowOf(row)))).toMatchObject({
      consistent: null,
      stores: { redis: { state: 'down', divergence: null, order: null, reason: 'no answer' } },
    })
    expect(show(inRecord, down, absent, good)?.consistent).toBe(false)
    // Nothing to compare with.
    expect(show(down, good, absent, absent)).toMatchObject({
      consistent: null,
      stores: { postgresql: { state: 'down' }, elasticsearch: { state: 'absent', divergence: null } },
    })
    expect(show(down, absent, absent, absent)?.consistent).toBeNull()
  })

  test('of which no store has ever heard is undefined', () => {
    expect(show(nowhere, absent, absent, absent)).toBeUndefined()
  })
})
