/**
 * A generation of the cache is a prefix of keys; a key of the lane says which one is read and written
 * (services/cache-updater/src/generation.ts).
 *
 * The hold is a key that expires: writers go on by themselves when a rebuild is killed before its switch.
 */
import { once } from 'node:events'
import { connectRedis, type Redis } from '@driftlab/stores'
import { openRedis as openForReading } from '../../auditor/src/stores/redis.ts'
import { generationOf, generationsOf, prefixOf } from '../../cache-updater/src/generation.ts'
import type { CacheOperation } from '../../cache-updater/src/operations.ts'
import { projectInto } from '../../cache-updater/src/project.ts'
import { createCacheStore } from '../../cache-updater/src/store.ts'
import { RebuildError, type NamedStore, type Rebuildable } from './generation.ts'

export interface RedisOptions {
  /** Of a user who may do anything in the lane. */
  readonly url: string
  readonly lane: string
  readonly deletedVersionTtlS: number
  /** After which writers go on, whatever became of the rebuild. */
  readonly holdMs: number
}

const timeoutMs = 30_000

/** KEYS: the prefix, the hold. ARGV: whose hold it has to be, the new prefix. */
const switchScript = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('DEL', KEYS[2])
return 1
`
const releaseScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`

export async function openRedis(options: RedisOptions): Promise<Rebuildable<CacheOperation>> {
  const { lane } = options
  const { prefixKey, holdKey, firstPrefix } = generationsOf(lane)
  const redis = connectRedis(options.url, { timeoutMs })
  try {
    if (redis.status !== 'ready') await once(redis, 'ready', { signal: AbortSignal.timeout(timeoutMs) })
  } catch (cause) {
    redis.disconnect()
    throw new RebuildError('Redis does not answer; is it running, and is REDIS_URL right?', { cause })
  }
  const open = async (prefix: string): Promise<NamedStore> => {
    const shape = { kind: 'redis-hash', field: 'document', projection: 'document', revisionField: 'revision' } as const
    return {
      name: prefix,
      store: await openForReading(options.url, { ...shape, key: `${prefix}{key}` }, { timeoutMs }),
    }
  }
  const currentPrefix = async (): Promise<string> => (await redis.get(prefixKey)) ?? firstPrefix

  return {
    name: 'redis',
    operationsPerWriteMax: 2_000,
    prepare: async () => {
      const current = await currentPrefix()
      const fresh = prefixOf(lane, generationOf(current) + 1)
      for (const pattern of [`${firstPrefix}*`, `${lane}:v*:order:*`]) await remove(redis, pattern, { except: current })
      const holder = crypto.randomUUID()
      const release = async (): Promise<void> => {
        await redis.eval(releaseScript, 1, holdKey, holder)
      }
      return {
        current,
        fresh,
        project: projectInto(lane, (id) => fresh + id),
        store: {
          ...createCacheStore(redis, { deletedVersionTtlS: options.deletedVersionTtlS }),
          close: () => Promise.resolve(),
        },
        hold: async () => {
          await redis.set(holdKey, holder, 'PX', options.holdMs)
        },
        release,
        switch: async () => {
          const switched = await redis.eval(switchScript, 2, prefixKey, holdKey, holder, fresh)
          if (switched !== 1) throw new RebuildError('The hold on the writers expired before the switch; run it again')
        },
        discard: async () => {
          // A switch that is still on its way finds no hold.
          await release()
          if ((await currentPrefix()) !== fresh) await remove(redis, `${fresh}*`)
        },
        removeOld: () => remove(redis, `${current}*`),
      }
    },
    openKept: async () => {
      const current = await currentPrefix()
      const old = prefixOf(lane, generationOf(current) - 1)
      if (generationOf(current) === 1 || !(await hasKeys(redis, `${old}*`))) return undefined
      return { old: await open(old), current: await open(current) }
    },
    close: async () => {
      await redis.quit()
    },
  }
}

async function hasKeys(redis: Redis, pattern: string): Promise<boolean> {
  for await (const keys of pagesOf(redis, pattern)) if (keys.length > 0) return true
  return false
}

async function remove(redis: Redis, pattern: string, { except }: { readonly except?: string } = {}): Promise<void> {
  for await (const found of pagesOf(redis, pattern)) {
    const keys = except === undefined ? found : found.filter((key) => !key.startsWith(except))
    if (keys.length > 0) await redis.unlink(...keys)
  }
}

async function* pagesOf(redis: Redis, pattern: string): AsyncGenerator<readonly string[]> {
  let cursor = '0'
  do {
    const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', 2_000)
    cursor = next
    yield found
  } while (cursor !== '0')
}
