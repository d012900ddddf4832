/**
 * The follower on a lane of its own, in real stores: what differs is listed within seconds, what heals is dropped, and
 * what is merely on its way or cannot be seen is never listed.
 */
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { createLogger, createMetrics, listen } from '@driftlab/service'
import { eventually } from '@driftlab/stores/testing'
import express from 'express'
import { audit } from '../audit.ts'
import { createThrowAwayLane, storeNames, type ThrowAwayLane } from '../throw-away-lane.ts'
import { startFollowing, type Follow, type StartOptions } from './follow.ts'
import type { LaneFollower, LaneNow } from './lane-follower.ts'
import { divergenceRoutes } from './routes.ts'

jest.setTimeout(90_000)

const inFlightMaxMs = 1_500
const soon = { deadlineMs: 30_000 }
let lane: ThrowAwayLane
let keys: readonly string[]

beforeAll(async () => {
  lane = await createThrowAwayLane({ kind: 'bounded', inFlightMaxMs })
})
afterAll(async () => {
  await lane.drop()
})
beforeEach(async () => {
  keys = await lane.insertRows(12)
  await lane.copy(keys)
})

interface Following {
  readonly follow: Follow
  readonly follower: LaneFollower
  readonly metrics: () => Promise<string>
}

async function whileFollowing(
  options: Partial<StartOptions>,
  task: (following: Following) => Promise<void>,
): Promise<void> {
  const metrics = createMetrics({ service: 'auditor' })
  const failures: unknown[] = []
  const follow = startFollowing({
    specification: lane.specification,
    connections: lane.connections,
    lanes: [lane.name],
    intervalMs: 100,
    timeoutMs: 2_000,
    metrics,
    onFailure: (error) => failures.push(error),
    ...options,
  })
  const follower = follow.lanes.get(lane.name)
  if (follower === undefined) throw new Error('the lane is not followed')
  try {
    await eventually(() => follower.now().lookedAtMs !== null, { ...soon, what: 'a first turn' })
    await task({ follow, follower, metrics: () => metrics.registry.metrics() })
  } finally {
    await follow.stop()
  }
  expect(failures).toEqual([])
}

const listed = (follower: LaneFollower): readonly string[] =>
  follower.list
    .newest(100)
    .flatMap(({ key, stores }) => [...stores].map(([store, kind]) => `${store} ${kind} ${key}`))
    .sort()

/** Every change so far was judged in every store. */
const atRest = (now: LaneNow): boolean =>
  now.waitingKeys === 0 && Object.values(now.stores).every(({ verdict }) => verdict === 'consistent')

test('a write that never reaches a store is listed with its evidence, and dropped when it does', async () => {
  const [stale = '', gone = ''] = keys
  await whileFollowing({}, async ({ follower, metrics }) => {
    await lane.sql(`update LANE.orders set note = 'call first' where id = $1`, [stale])
    await lane.copy([stale], ['redis', 'clickhouse'])
    await lane.sql('delete from LANE.orders where id = $1', [gone])
    for (const store of ['elasticsearch', 'clickhouse'] as const) await lane.remove(store, [gone])
    const expected = [`elasticsearch stale ${stale}`, `redis resurrected ${gone}`]
    await eventually(() => listed(follower).length === 2 && follower.list.evidenceOf(stale) !== undefined, soon)
    expect(listed(follower)).toEqual(expected.sort())
    expect(follower.list.evidenceOf(stale)).toMatchObject({
      source: { state: 'present', revision: 2, values: { note: 'call first' } },
      stores: {
        redis: { status: 'same' },
        elasticsearch: { status: 'stale', revision: 1, columns: { note: 'note', customerName: 'customer_name' } },
      },
    })
    const { differences } = follower.list.evidenceOf(stale)?.stores['elasticsearch'] ?? { differences: [] }
    expect(differences.map(({ field }) => field)).toEqual(['note', 'updatedAt', 'revision'])
    await eventually(async () => {
      const text = await metrics()
      return (
        text.includes(`driftlab_live_divergences{lane="${lane.name}",store="elasticsearch",kind="stale"`) &&
        /driftlab_live_divergences\{.*store="redis",kind="resurrected",.*\} 1/u.test(text) &&
        /driftlab_live_store_verdict\{.*store="redis",verdict="diverged",.*\} 1/u.test(text)
      )
    }, soon)

    await lane.copy([stale])
    await lane.remove('redis', [gone])
    await eventually(() => listed(follower).length === 0, soon)
    await eventually(() => atRest(follower.now()), soon)
  })
})

test('what was done behind the back of the source is taken over from a sweep, and dropped when it is put right', async () => {
  const [victim = ''] = keys
  const phantom = crypto.randomUUID()
  await whileFollowing({}, async ({ follow, follower }) => {
    const [row] = await lane.sourceRows([victim])
    if (row === undefined) throw new Error('the victim is gone')
    await lane.put('redis', [{ ...lane.document('redis', row), note: 'forged' }])
    await lane.put('clickhouse', [{ ...lane.document('clickhouse', row), id: phantom }])
    const { specification, connections } = lane
    const report = await audit({ specification, connections, deadlineMs: 20_000, onDivergence: follow.accept })
    follow.acceptReport(report)
    await eventually(() => follower.list.evidenceOf(victim)?.stores['redis']?.differences.length === 1, soon)
    await eventually(() => follower.list.evidenceOf(phantom) !== undefined, soon)
    expect(listed(follower)).toEqual([`redis corrupt ${victim}`, `clickhouse phantom ${phantom}`].sort())
    expect(follower.list.evidenceOf(victim)?.stores['redis']?.differences).toEqual([
      { field: 'note', source: row.values['note'], store: 'forged' },
    ])

    await lane.copy([victim])
    await lane.remove('clickhouse', [phantom])
    await eventually(() => listed(follower).length === 0, soon)
  })
})

test('writes that arrive late, but within their bound, are never listed', async () => {
  await whileFollowing({}, async ({ follower }) => {
    const everListed = new Set<string>()
    const watch = setInterval(() => {
      for (const accusation of listed(follower)) everListed.add(accusation)
    }, 20)
    try {
      for (let round = 0; round < 4; round += 1) {
        await lane.sql(`update LANE.orders set note = $2 where id = any($1::uuid[])`, [keys, `round ${round}`])
        // Not at once: for some turns the stores are behind, as they are under every load.
        for (let turn = 0; turn < 3; turn += 1) {
          const { lookedAtMs } = follower.now()
          await eventually(() => follower.now().lookedAtMs !== lookedAtMs, { ...soon, intervalMs: 10 })
        }
        await lane.copy(keys)
      }
      await eventually(() => atRest(follower.now()), soon)
    } finally {
      clearInterval(watch)
    }
    expect([...everListed]).toEqual([])
  })
})

test('a listed key that changes is not listed again before its newest change must have arrived', async () => {
  const [key = ''] = keys
  await whileFollowing({}, async ({ follower }) => {
    await lane.sql(`update LANE.orders set note = 'lost' where id = $1`, [key])
    await eventually(() => listed(follower).length === storeNames.length, soon)
    await lane.sql(`update LANE.orders set note = 'on its way' where id = $1`, [key])
    await eventually(() => listed(follower).length === 0, soon)
    await lane.copy([key])
    await eventually(() => atRest(follower.now()), soon)
  })
})

test.each([
  ['redis', { redisUrl: 'redis://auditor:none@127.0.0.1:9' }],
  ['elasticsearch', { elasticsearchUrl: 'http://auditor:none@127.0.0.1:9' }],
  ['clickhouse', { clickhouseUrl: 'http://auditor:none@127.0.0.1:9' }],
] as const)('a %s that is down is unknown and no divergence, and the others are followed on', async (down, address) => {
  const [key = ''] = keys
  const connections = { ...lane.connections, ...address }
  await whileFollowing({ connections, timeoutMs: 2_000 }, async ({ follower }) => {
    await lane.sql(`update LANE.orders set note = 'seen by nobody' where id = $1`, [key])
    const others = storeNames.filter((store) => store !== down)
    await eventually(() => others.every((store) => follower.now().stores[store]?.divergedKeys === 1), soon)
    const { stores } = follower.now()
    expect(stores[down]).toMatchObject({ verdict: 'unknown', divergedKeys: 0 })
    expect(stores[down]?.doubts.join()).toContain('could not be read')
    for (const store of others) expect(stores[store]).toMatchObject({ verdict: 'diverged', doubts: [] })
    await lane.copy([key])
  })
})

test('a source that is down is unknown, with its reason', async () => {
  const connections = { ...lane.connections, postgresUrl: 'postgres://auditor:none@127.0.0.1:9/none' }
  await whileFollowing({ connections, timeoutMs: 2_000 }, async ({ follower }) => {
    const now = follower.now()
    expect(now).toMatchObject({ verdict: 'unknown', knownKeys: 0 })
    expect(now.stores['redis']?.doubts.join()).toContain('the source could not be read')
    return Promise.resolve()
  })
})

test('the routes show the newest with their counts, and one key with its evidence; what is wrong is named', async () => {
  const lost = keys.slice(0, 3)
  await whileFollowing({}, async ({ follow, follower }) => {
    await lane.sql(`update LANE.orders set note = 'lost' where id = any($1::uuid[])`, [lost])
    await lane.copy(lost, ['elasticsearch', 'clickhouse'])
    await eventually(() => lost.every((key) => follower.list.evidenceOf(key) !== undefined), soon)
    const routes = divergenceRoutes(follow.lanes, createLogger('auditor', 'silent'))
    const server = await listen(express().use(routes), { host: '127.0.0.1', port: 0 })
    const get = async (path: string): Promise<{ status: number; type: string; body: unknown }> => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`)
      const type = response.headers.get('content-type')?.split(';')[0] ?? ''
      return { status: response.status, type, body: await response.json() }
    }
    try {
      expect(await get(`/divergences?lane=${lane.name}&limit=2`)).toMatchObject({
        status: 200,
        body: {
          lanes: {
            [lane.name]: {
              verdict: 'diverged',
              knownKeys: 3,
              full: false,
              stores: { redis: { divergedKeys: 3, divergences: { stale: 3 } }, clickhouse: { divergedKeys: 0 } },
              divergences: [{ stores: { redis: 'stale' } }, { stores: { redis: 'stale' } }],
            },
          },
        },
      })
      expect(await get(`/divergences/${lane.name}/${lost[0] ?? ''}`)).toMatchObject({
        status: 200,
        body: { key: lost[0], stores: { redis: 'stale' }, evidence: { key: lost[0], source: { revision: 2 } } },
      })
      const problem = 'application/problem+json'
      expect(await get('/divergences?limit=0')).toMatchObject({ status: 400, type: problem })
      expect(await get('/divergences?limit=1&limit=2')).toMatchObject({ status: 400, type: problem })
      expect(await get('/divergences?lane=no-such-lane')).toMatchObject({ status: 404, type: problem })
      expect(await get(`/divergences/${lane.name}/${keys[5] ?? ''}`)).toMatchObject({ status: 404, type: problem })
      expect(await get(`/divergences/no-such-lane/x`)).toMatchObject({ status: 404, type: problem })
      expect(await get(`/divergences/${lane.name}/%ff`)).toMatchObject({ status: 400, type: problem })
    } finally {
      await server.close()
    }
    await lane.copy(lost)
  })
})
