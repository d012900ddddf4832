import { describeSinkContract, orderRow, upsertAt, deleteAt } from '@driftlab/sink-contract'
import { laneNames, type OrderDocument } from '@driftlab/order'
import { connectRedis } from '@driftlab/stores'
import { testSettings, throwAwayLane, eventually } from '@driftlab/stores/testing'
import { afterAll, expect, test } from '@jest/globals'
import { projectInto } from './project.ts'
import { createCacheStore } from './store.ts'

const { redisUrl } = testSettings()
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
