import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { connectRedis, type Redis } from '@driftlab/stores'
import { eventually } from '@driftlab/stores/testing'
import { openLab, type NativeLab } from '../native/src/index.ts'
import { connectLinks, slowMs, type Links } from './links.ts'

const link = 'cache-updater-to-redis'

let lab: NativeLab
let links: Links
let redis: Redis

beforeAll(async () => {
  const opened = await openLab()
  lab = opened.lab
  await lab.start(['links', 'redis'])
  links = connectLinks(lab.address('links').url)
  const { LAB_HOST, CACHE_UPDATER_TO_REDIS_PORT, REDIS_CACHE_UPDATER_USER, REDIS_CACHE_UPDATER_PASSWORD } =
    opened.settings
  redis = connectRedis(
    `redis://${REDIS_CACHE_UPDATER_USER}:${REDIS_CACHE_UPDATER_PASSWORD}@${LAB_HOST}:${CACHE_UPDATER_TO_REDIS_PORT}`,
  )
}, 60_000)
beforeEach(async () => {
  await links.mend(link)
  await eventually(() => redis.status === 'ready', { deadlineMs: 10_000 })
})
afterAll(async () => {
  redis.disconnect()
  await lab.stop(['links'])
}, 60_000)

const answerMs = async (): Promise<number> => {
  const askedAt = performance.now()
  await redis.ping()
  return performance.now() - askedAt
}

test('a slow link brings each answer later, until it is mended', async () => {
  await links.slow(link)
  expect(await answerMs()).toBeGreaterThan(slowMs.latency - slowMs.jitter - 1)
  await links.mend(link)
  expect(await answerMs()).toBeLessThan(slowMs.latency - slowMs.jitter)
})

test('over a link that is cut nothing comes, and the connection stays; mended, the client comes back by itself', async () => {
  await links.cut(link)
  await expect(redis.ping()).rejects.toThrow(/timed out/iu)
  expect(redis.status).toBe('ready')
  await links.mend(link)
  await eventually(
    () =>
      redis.ping().then(
        () => true,
        () => false,
      ),
    { deadlineMs: 20_000 },
  )
})

test('what there is not is named', async () => {
  const unknown = 'queries-to-redis' as typeof link
  await expect(links.slow(unknown)).rejects.toThrow('knows no link queries-to-redis')
})

test('a Toxiproxy that is not there is named, with the command that starts it', async () => {
  const { host, port } = lab.address('dashboard')
  await expect(connectLinks(`http://${host}:${port}`).cut(link)).rejects.toThrow('npm run lab -- up links')
})
