/**
 * A lane's keys in Redis: one hash a record, the document as JSON in one field. A hash without that field holds
 * nothing: it is what a delete leaves behind to fence off late writes.
 */
import { connectRedis, type Redis } from '@driftlab/stores'
import type { Held } from '../judge.ts'
import type { StoreSpecification } from '../specification.ts'
import { unreadable, type DerivedStore } from './derived-store.ts'

type RedisSpecification = Extract<StoreSpecification, { kind: 'redis-hash' }>

/** Reads are cut into pipelines of this many commands, so that no answer is large for the server or for us. */
const pipelineMax = 500

export async function openRedis(
  url: string,
  specification: RedisSpecification,
  options: { readonly timeoutMs: number },
): Promise<DerivedStore> {
  const redis = connectRedis(url, options)
  await untilReady(redis, options.timeoutMs)
  const [firstPrefix = '', suffix = ''] = specification.key.split('{key}')
  const { prefixKey } = specification
  const currentPrefix = async (): Promise<string> =>
    prefixKey === undefined ? firstPrefix : ((await redis.get(prefixKey)) ?? firstPrefix)

  return {
    dialect: 'document',
    read: async (keys) => {
      const held = new Map<string, Held>()
      for (let start = 0; start < keys.length; start += pipelineMax) {
        const part = keys.slice(start, start + pipelineMax)
        const prefix = await currentPrefix()
        const pipeline = redis.pipeline()
        for (const key of part) pipeline.hget(prefix + key + suffix, specification.field)
        const answers = (await pipeline.exec()) ?? []
        if (answers.length !== part.length) throw new Error('Redis answered fewer commands than it was sent')
        answers.forEach(([error, text], index) => {
          const state = heldInRedis(error, text)
          if (state !== undefined) held.set(part[index] ?? '', state)
        })
      }
      return held
    },
    async *keys(pageSize) {
      const prefix = await currentPrefix()
      const pattern = `${escapeGlob(prefix)}*${escapeGlob(suffix)}`
      let cursor = '0'
      let page: string[] = []
      do {
        const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000)
        cursor = next
        for (const name of found) page.push(name.slice(prefix.length, name.length - suffix.length))
        if (page.length >= pageSize || cursor === '0') {
          yield page
          page = []
        }
      } while (cursor !== '0')
    },
    close: () => {
      redis.disconnect()
      return Promise.resolve()
    },
  }
}

/** What a key holds, by the answer to HGET or HMGET of its document; undefined for nothing. @throws a fault of the store. */
export function heldInRedis(error: Error | null, text: unknown): Held | undefined {
  if (error !== null) {
    // A key of another type is a fault of that key; anything else is a fault of the store, and nothing was seen.
    if (error.message.startsWith('WRONGTYPE')) return unreadable('the key holds no hash', '')
    throw error
  }
  if (typeof text !== 'string') return undefined
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return unreadable('the document is not JSON', text)
  }
  return typeof document === 'object' && document !== null && !Array.isArray(document)
    ? { state: 'present', fields: document as Readonly<Record<string, unknown>> }
    : unreadable('the document is no JSON object', text)
}

function escapeGlob(text: string): string {
  return text.replaceAll(/[\\*?[\]^]/g, '\\$&')
}

/** Commands fail at once while there is no connection, so the first one has to wait for it. */
async function untilReady(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status === 'ready') return
  const ready = Promise.withResolvers<undefined>()
  let lastError: Error | undefined
  const onReady = (): void => {
    ready.resolve(undefined)
  }
  const onError = (error: Error): void => {
    lastError = error
  }
  redis.on('ready', onReady)
  redis.on('error', onError)
  const timer = setTimeout(() => {
    ready.reject(
      new Error(`no connection within ${timeoutMs} ms: ${lastError?.message ?? 'no answer'}`, { cause: lastError }),
    )
  }, timeoutMs)
  try {
    await ready.promise
  } catch (error) {
    redis.disconnect()
    throw error
  } finally {
    clearTimeout(timer)
    redis.off('ready', onReady)
    redis.off('error', onError)
  }
}
