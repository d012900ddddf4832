/**
 * The orders of a lane in the cache. What a delete leaves, a version without a document, is no order.
 *
 * The prefix of the current generation is asked for with every read, so that a rebuilt cache is followed at once
 * (docs/rebuild.md). Its user may do no more than what stands here.
 */
import { heldInRedis, type Held } from '@driftlab/auditor'
import type { Redis } from '@driftlab/stores'
import type { Lane } from '../lanes.ts'
import { StoreUnavailable } from './failure.ts'

/** What a store holds of an order, and the version that it keeps beside it. */
export interface Found {
  readonly held: Held
  readonly version: number | null
}

export interface Cache {
  read(lane: Lane, id: string): Promise<Found>
  ping(): Promise<void>
}

export function openCache(redis: Redis): Cache {
  return {
    read: async (lane, id) => {
      const { prefixKey, firstPrefix } = lane.cache
      const prefix = (await classified(() => redis.get(prefixKey))) ?? firstPrefix
      try {
        const [document, version] = await classified(() => redis.hmget(prefix + id, 'document', 'version'))
        return {
          held: heldInRedis(null, document) ?? { state: 'absent' },
          version: versionIn(version),
        }
      } catch (error) {
        if (!Error.isError(error)) throw error
        return { held: heldInRedis(error, null) ?? { state: 'absent' }, version: null }
      }
    },
    ping: async () => {
      await classified(() => redis.ping())
    },
  }
}

/**
 * Until the first attempt to connect has succeeded or failed: a command fails at once while there is no connection, and the
 * first question should not be refused only because it came early.
 */
export async function firstAttempt(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status === 'ready') return
  const over = Promise.withResolvers<undefined>()
  const end = (): void => {
    over.resolve(undefined)
  }
  const timer = setTimeout(end, timeoutMs)
  redis.once('ready', end).once('error', end)
  await over.promise
  clearTimeout(timer)
  redis.off('ready', end).off('error', end)
}

function versionIn(text: string | null | undefined): number | null {
  return text !== undefined && text !== null && /^\d{1,16}$/.test(text) ? Number(text) : null
}

const passingReplies = /^(?:LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN)\b/

/** @throws {StoreUnavailable} for a broken connection, a timeout or a server that is not ready; else what was thrown. */
async function classified<Answer>(command: () => Promise<Answer>): Promise<Answer> {
  try {
    return await command()
  } catch (error) {
    if (!Error.isError(error)) throw error
    // Only a reply of the server carries this name; everything else is about the way there.
    if (error.name !== 'ReplyError' || passingReplies.test(error.message)) throw new StoreUnavailable('redis', error)
    throw error
  }
}
