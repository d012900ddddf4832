/** The same records into Redis once for each guard: the cache-updater's projection and its store, with another version. */
import type { Version } from '@driftlab/change-event'
import { laneNames } from '@driftlab/order'
import { connectRedis, type Redis } from '@driftlab/stores'
import { eventually } from '@driftlab/stores/testing'
import { projectInto } from '../../services/cache-updater/src/project.ts'
import { createCacheStore } from '../../services/cache-updater/src/store.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { versionsBy } from './guards.ts'
import { guards, type Entry, type Guard, type Situation } from './history.ts'
import { stepIn, type OrderEnd } from './orders.ts'
import type { Read } from './topic.ts'

const deletedVersionTtlS = 3_600
const timeoutMs = 30_000

export interface Outcome {
  readonly situation: Situation
  /** In the order in which the sink gets them, those that it gets again among them. */
  readonly delivered: readonly Read[]
  /** What the database holds in the end, and of which story that is. */
  readonly ends: readonly OrderEnd[]
}

export async function applyByEachGuard(
  laboratory: Laboratory,
  outcome: Outcome,
  record: (entry: Entry) => void,
): Promise<void> {
  const redis = connectRedis(laboratory.url.redis('ADMIN'), { timeoutMs })
  try {
    await eventually(() => redis.status === 'ready', { deadlineMs: timeoutMs })
    await Promise.all(guards.map((guard) => apply(redis, guard, outcome, record)))
  } finally {
    redis.disconnect()
  }
}

async function apply(
  redis: Redis,
  guard: Guard,
  { situation, delivered, ends }: Outcome,
  record: (entry: Entry) => void,
): Promise<void> {
  const lane = `cdc-choice-${guards.indexOf(guard)}-${crypto.randomUUID()}`
  const { redisKey } = laneNames(lane)
  const project = projectInto(lane)
  const store = createCacheStore(redis, { deletedVersionTtlS })
  const versions = versionsBy(
    guard,
    delivered.map(({ recorded }) => recorded),
  )
  try {
    for (const [at, { change, recorded }] of delivered.entries()) {
      const { stale } = await store.write(project({ ...change, version: (versions[at] ?? 0) as Version }))
      const { topicNumber, partition, offset } = recorded
      record({ kind: 'delivery', situation, guard, topicNumber, partition, offset, taken: stale === 0 })
    }
    for (const { key, story, inDatabase } of ends) {
      const document = await redis.hget(redisKey(key), 'document')
      const inStore = document === null ? null : stepIn((JSON.parse(document) as { readonly note: unknown }).note)
      record({ kind: 'end', situation, guard, key, story, inStore, inDatabase })
    }
  } finally {
    await redis.unlink(...ends.map(({ key }) => redisKey(key)), redisKey(''))
  }
}
