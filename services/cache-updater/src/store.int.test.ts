import { describeSinkContract, orderRow, upsertAt, deleteAt } from '@driftlab/sink-contract'
import { laneNames, type OrderDocument } from '@driftlab/order'
import { connectRedis } from '@driftlab/stores'
import { testSettings, throwAwayLane, eventually } from '@driftlab/stores/testing'
import { afterAll, expect, test } from '@jest/globals'
import { generationsOf, prefixOf } from './generation.ts'
import { projectInto } from './project.ts'
import { createCacheStore } from './store.ts'

const { redisUrl, variables } = testSettings()
const lane = throwAwayLane()
const { redisKey } = laneNames(lane)
const project = projectInto(lane)
const redis = connectRedis(redisUrl)

async function removeLane(): Promise<void> {
  const keys = await redis.keys(redisKey('*'))
  if (keys.length > 0) await redis.del(...keys)
}

async function untilConnected(): Promise<void> {
  await eventually(() => redis.status === 'ready', { deadlineMs: 5_000 })
}

afterAll(async () => {
  await removeLane()
  redis.disconnect()
})

describeSinkContract('cache-updater', async () => {
  await untilConnected()
  return {
    store: createCacheStore(redis, { deletedVersionTtlS: 600 }),
    project,
    read: async (id) => {
      const document = await redis.hget(redisKey(id), 'document')
      return document === null ? undefined : (JSON.parse(document) as OrderDocument)
    },
    // Redis forgets a deleted version only when it expires, which is set beyond any replay.
    outlastDeletes: () => Promise.resolve(),
    makeUnacceptable: async (id) => {
      await redis.set(redisKey(id), 'somebody else keeps a string here')
      return upsertAt(2, orderRow(id, 1))
    },
    connectNowhere: () => createCacheStore(connectRedis('redis://127.0.0.1:1'), { deletedVersionTtlS: 600 }),
    close: removeLane,
  }
})

test('a deleted order leaves its version, which expires; an order that comes back does not', async () => {
  await untilConnected()
  const store = createCacheStore(redis, { deletedVersionTtlS: 600 })
  const id = crypto.randomUUID()
  await store.write(project(upsertAt(1, orderRow(id, 1))))
  expect(await redis.ttl(redisKey(id))).toBe(-1)
  await store.write(project(deleteAt(2, orderRow(id, 1))))
  expect(await redis.hgetall(redisKey(id))).toEqual({ version: '3' })
  expect(await redis.ttl(redisKey(id))).toBeGreaterThan(500)
  await store.write(project(upsertAt(3, orderRow(id, 2))))
  expect(await redis.ttl(redisKey(id))).toBe(-1)
})

test('a restarted Redis has forgotten the script, and gets it again', async () => {
  await untilConnected()
  await redis.script('FLUSH')
  const store = createCacheStore(redis, { deletedVersionTtlS: 600 })
  const id = crypto.randomUUID()
  expect(await store.write(project(upsertAt(1, orderRow(id, 1))))).toEqual({ stale: 0, refused: [] })
  expect(await store.write(project(upsertAt(1, orderRow(id, 1))))).toEqual({ stale: 1, refused: [] })
})

test('no write reaches a generation that was replaced, and none passes a hold', async () => {
  await untilConnected()
  const generations = generationsOf(lane)
  const store = createCacheStore(redis, { deletedVersionTtlS: 600, generations })
  const id = crypto.randomUUID()
  const second = `${prefixOf(lane, 2)}${id}`
  try {
    await store.write(project(upsertAt(1, orderRow(id, 1))))
    expect(await redis.hget(redisKey(id), 'version')).toBe('2')
    await redis.set(generations.holdKey, 'a rebuild')
    await expect(store.write(project(upsertAt(2, orderRow(id, 2))))).rejects.toMatchObject({ name: 'StoreUnavailable' })
    await redis.multi().set(generations.prefixKey, prefixOf(lane, 2)).del(generations.holdKey).exec()
    await store.write(project(upsertAt(2, orderRow(id, 2))))
    expect(await redis.hget(redisKey(id), 'version')).toBe('2')
    expect(await redis.hget(second, 'version')).toBe('3')
  } finally {
    await redis.del(second, generations.prefixKey, generations.holdKey)
  }
})

test("the sink's own user may write, and may read but not say which generation is current", async () => {
  const ownLane = `cdc-${lane}`
  const generations = generationsOf(ownLane)
  const url = new URL(redisUrl)
  url.username = variables['REDIS_CACHE_UPDATER_USER'] ?? ''
  url.password = variables['REDIS_CACHE_UPDATER_PASSWORD'] ?? ''
  const own = connectRedis(url.href)
  const id = crypto.randomUUID()
  try {
    await eventually(() => own.status === 'ready', { deadlineMs: 5_000 })
    const store = createCacheStore(own, { deletedVersionTtlS: 600, generations })
    expect(await store.write(projectInto(ownLane)(upsertAt(1, orderRow(id, 1))))).toEqual({ stale: 0, refused: [] })
    await expect(own.set(generations.prefixKey, prefixOf(ownLane, 2))).rejects.toThrow('NOPERM')
  } finally {
    own.disconnect()
    await redis.del(laneNames(ownLane).redisKey(id))
  }
})
