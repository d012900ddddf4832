/**
 * The auditor is tested by sabotage: rows are deleted, aged, forged, brought back and invented behind its back, in each
 * of the three stores. It must name each key with its store and kind, and invent none.
 */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals'
import { audit, type AuditOptions } from './audit.ts'
import type { AuditReport, LaneReport } from './report.ts'
import {
  createThrowAwayLane,
  storeNames,
  type Document,
  type StoreName,
  type ThrowAwayLane,
} from './throw-away-lane.ts'

jest.setTimeout(60_000)

const inFlightMaxMs = 30
let lane: ThrowAwayLane

beforeAll(async () => {
  lane = await createThrowAwayLane({ kind: 'bounded', inFlightMaxMs })
})

afterAll(async () => {
  await lane.drop()
})

const auditLane = async (options: Partial<AuditOptions> = {}): Promise<LaneReport> => {
  const report: AuditReport = await audit({
    specification: lane.specification,
    connections: lane.connections,
    deadlineMs: 10_000,
    examplesMax: 100,
    pageSize: 40,
    ...options,
  })
  const found = report.lanes[lane.name]
  if (found === undefined) throw new Error('the report lacks the lane')
  return found
}

/** Every accusation of a report as `store kind key`, sorted. */
function accusations(report: LaneReport): readonly string[] {
  return report.examples
    .flatMap(({ key, stores }) => Object.entries(stores).map(([store, { status }]) => `${store} ${status} ${key}`))
    .filter((accusation) => !accusation.includes(' same '))
    .sort()
}

function countOf(report: LaneReport): number {
  return Object.values(report.stores).reduce((sum, { divergedKeys }) => sum + divergedKeys, 0)
}

it('an empty source and empty stores are unknown, since nothing was seen', async () => {
  expect(await auditLane()).toMatchObject({ verdict: 'unknown', sourceRows: 0, examples: [] })
})

describe('with orders that every store holds rightly', () => {
  let keys: readonly string[]

  beforeAll(async () => {
    keys = await lane.insertRows(300)
    await lane.sql(`update LANE.orders set status = 'paid', note = note || ' paid' where total_cents % 500 = 0`)
    await lane.sql('delete from LANE.orders where id = any($1::uuid[])', [keys.slice(280)])
    keys = keys.slice(0, 280)
    await lane.copy(keys)
  })

  it('everything is compared in both directions, and consistent', async () => {
    const report = await auditLane()
    expect(report).toMatchObject({ verdict: 'consistent', doubts: [], sourceRows: 280, examples: [] })
    for (const store of storeNames) {
      expect(report.stores[store]).toMatchObject({ comparedKeys: 280, scannedKeys: 280, divergedKeys: 0 })
    }
  })

  it('every act of sabotage is named by key, store and kind, and nothing else is', async () => {
    const expected: string[] = []
    const victims = keys.values()
    const take = (): string => victims.next().value ?? ''
    const documentsOf = async (store: StoreName, key: string): Promise<Document> => {
      const [row] = await lane.sourceRows([key])
      if (row === undefined) throw new Error('the victim is gone')
      return lane.document(store, row)
    }
    const deleted: string[] = []
    for (const store of storeNames) {
      const missing = take()
      await lane.remove(store, [missing])
      expected.push(`${store} missing ${missing}`)

      const stale = take()
      const old = await documentsOf(store, stale)
      await lane.sql(`update LANE.orders set status = 'cancelled' where id = $1`, [stale])
      await lane.copy(
        [stale],
        storeNames.filter((other) => other !== store),
      )
      await lane.put(store, [old])
      expected.push(`${store} stale ${stale}`)

      const resurrected = take()
      const alive = await documentsOf(store, resurrected)
      await lane.sql('delete from LANE.orders where id = $1', [resurrected])
      for (const other of storeNames) await lane.remove(other, [resurrected])
      await lane.put(store, [alive])
      expected.push(`${store} resurrected ${resurrected}`)
      deleted.push(resurrected)

      const phantom = crypto.randomUUID()
      await lane.put(store, [{ ...alive, id: phantom }])
      expected.push(`${store} phantom ${phantom}`)

      for (const forged of forgeries(store)) {
        const corrupt = take()
        await lane.put(store, [{ ...(await documentsOf(store, corrupt)), ...forged }])
        expected.push(`${store} corrupt ${corrupt}`)
      }
    }
    const [notJson, noHash] = [take(), take()]
    await lane.putRawRedis(notJson, '{"id":')
    await lane.remove('redis', [noHash])
    await lane.putRedisString(noHash)
    expected.push(`redis corrupt ${notJson}`, `redis corrupt ${noHash}`)
    await lane.putRawRedis('not-a-uuid', '{"id":"not-a-uuid"}')
    expected.push('redis phantom not-a-uuid')

    const report = await auditLane()
    expect(accusations(report)).toEqual(expected.sort())
    expect(countOf(report)).toBe(expected.length)
    expect(report).toMatchObject({ verdict: 'diverged', doubts: [], sourceRows: 280 - deleted.length })
    const forgedNote = report.examples.find(({ stores }) =>
      Object.values(stores).some(({ differences }) => differences.some(({ field }) => field === 'note')),
    )
    expect(forgedNote).toBeDefined()

    // Put right again, so that the tests below start from a consistent lane.
    await lane.copy(keys.filter((key) => !deleted.includes(key)))
    for (const accusation of expected) {
      const [store = '', kind = '', key = ''] = accusation.split(' ')
      if (kind === 'phantom' || kind === 'resurrected') await lane.remove(store as StoreName, [key])
    }
    await lane.remove('redis', [noHash])
    await lane.copy([noHash], ['redis'])
    expect(await auditLane()).toMatchObject({ verdict: 'consistent', doubts: [] })
    keys = keys.filter((key) => !deleted.includes(key))
  })

  it.each<[StoreName, Partial<AuditOptions['connections']>]>([
    ['redis', { redisUrl: 'redis://auditor:none@127.0.0.1:9' }],
    ['elasticsearch', { elasticsearchUrl: 'http://auditor:none@127.0.0.1:9' }],
    ['clickhouse', { clickhouseUrl: 'http://auditor:none@127.0.0.1:9' }],
  ])('a %s that cannot be reached is unknown, and the others are still audited', async (store, address) => {
    const report = await auditLane({ connections: { ...lane.connections, ...address }, timeoutMs: 1_000 })
    expect(report.verdict).toBe('unknown')
    for (const name of storeNames) {
      expect(report.stores[name]?.verdict).toBe(name === store ? 'unknown' : 'consistent')
    }
  })

  it('a source that cannot be reached is unknown, and says why', async () => {
    const connections = { ...lane.connections, postgresUrl: 'postgres://auditor:none@127.0.0.1:9/none' }
    const report = await auditLane({ connections, timeoutMs: 1_000 })
    expect(report.verdict).toBe('unknown')
    expect(report.doubts.join()).toContain('the source could not be read')
  })

  it('a difference that a write in flight could explain is not called a divergence', async () => {
    const [key = ''] = keys
    await lane.sql(`update LANE.orders set note = 'just now' where id = $1`, [key])
    const specification = lane.withSettles({ kind: 'bounded', inFlightMaxMs: 60_000 })
    const report = await auditLane({ specification, deadlineMs: 200 })
    expect(report).toMatchObject({ verdict: 'unknown', stores: { redis: { divergedKeys: 0, undeterminedKeys: 1 } } })
    await lane.copy([key])
  })

  it('while writes go on and all arrive, none is accused', async () => {
    const stopping = new AbortController()
    let writes = 0
    const write = async (): Promise<void> => {
      const born: string[] = []
      while (!stopping.signal.aborted) {
        const key = keys[writes % 20] ?? ''
        await lane.sql(`update LANE.orders set note = $2 where id = $1`, [key, `write ${writes}`])
        await lane.copy([key])
        const [fresh = ''] = await lane.insertRows(1)
        await lane.copy([fresh])
        born.push(fresh)
        const old = born.length > 5 ? born.shift() : undefined
        if (old !== undefined) {
          await lane.sql('delete from LANE.orders where id = $1', [old])
          for (const store of storeNames) await lane.remove(store, [old])
        }
        writes += 1
      }
      keys = [...keys, ...born]
    }
    const writer = write()
    try {
      const specification = lane.withSettles({ kind: 'bounded', inFlightMaxMs: 1_500 })
      for (let run = 0; run < 4 || writes < 40; run += 1) {
        const report = await auditLane({ specification })
        expect(accusations(report)).toEqual([])
        expect(report.verdict).not.toBe('diverged')
      }
    } finally {
      stopping.abort()
      await writer
    }
    expect(await auditLane()).toMatchObject({ verdict: 'consistent', doubts: [] })
  })
})

/** One field each, so that no field can be left out of the comparison unnoticed. */
function forgeries(store: StoreName): readonly Document[] {
  const time = '2001-01-01T00:00:00.000Z'
  if (store === 'clickhouse') {
    return [
      { customer_id: 'forged' },
      { customer_name: 'forged' },
      { items: [{ sku: 'forged', description: '', quantity: 1, unit_price_cents: 1 }] },
      { items: [] },
      { status: 'shipped' },
      { note: 'forged' },
      { total_cents: 1 },
      { currency: 'XXX' },
      { created_at: time },
      { updated_at: time },
      { revision: 99 },
    ]
  }
  return [
    { customerId: 'forged' },
    { customerName: 'forged' },
    { items: [] },
    { status: 'shipped' },
    { note: 'forged' },
    { totalCents: 1 },
    { currency: 'XXX' },
    { createdAt: time },
    { updatedAt: time },
    { revision: 99 },
  ]
}
