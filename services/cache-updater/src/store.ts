/**
 * Writes cache operations into Redis, a few hundred keys a script call.
 *
 * Invariant: one Lua script compares a key's version and sets it, and Redis runs nothing in between; so the version of
 * a key never falls, whoever writes and in whatever order. A delete leaves the version without a document; readers see
 * a key without document as absent, and it expires when no replay can be that old any more.
 *
 * With `generations` the same script also asks which generation is current and whether writers are to wait, so that no
 * write of ours reaches a generation after it was replaced.
 */
import { createHash } from 'node:crypto'
import { isError, StoreUnavailable, type Refusal, type Store, type WriteResult } from '@driftlab/sink'
import type { Redis } from '@driftlab/stores'
import type { Generations } from './generation.ts'
import type { CacheOperation } from './operations.ts'

/** Redis serves nobody else while a script runs: this many keys take about two milliseconds. */
const keysPerScript = 250

/**
 * KEYS: one an operation. ARGV: the lifetime of a deleted key's version in seconds; the prefix that our keys have, that of the
 * first generation and the names of the two keys that say which is current (all empty where there are no generations); then
 * for each key its version and its document, or an empty string for a delete. Answers the number of stale operations, then
 * index and error of each key that holds something other than a hash.
 *
 * The two keys are not among KEYS, since those a script may write, and the sink's user may only read these.
 */
const script = `
if ARGV[2] ~= '' then
  local current = redis.call('MGET', ARGV[4], ARGV[5])
  if current[2] then return redis.error_reply('HELD a rebuild is about to switch') end
  local prefix = current[1] or ARGV[3]
  if prefix ~= ARGV[2] then return redis.error_reply('SWITCHED ' .. prefix) end
end
local answer = {0}
for i = 1, #KEYS do
  local key, version, document = KEYS[i], ARGV[2 * i + 4], ARGV[2 * i + 5]
  local current = redis.pcall('HGET', key, 'version')
  if type(current) == 'table' and current.err then
    if string.sub(current.err, 1, 9) ~= 'WRONGTYPE' then return current end
    answer[#answer + 1] = i
    answer[#answer + 1] = current.err
  elseif current and tonumber(current) >= tonumber(version) then
    answer[1] = answer[1] + 1
  elseif document == '' then
    redis.call('HDEL', key, 'document')
    redis.call('HSET', key, 'version', version)
    redis.call('EXPIRE', key, ARGV[1])
  else
    local added = redis.call('HSET', key, 'document', document, 'version', version)
    if added == 1 then redis.call('PERSIST', key) end
  end
end
return answer
`
const scriptSha = createHash('sha1').update(script).digest('hex')

export interface CacheStoreOptions {
  readonly deletedVersionTtlS: number
  /** Of a lane whose cache may be rebuilt; the keys of operations are those of its first generation. */
  readonly generations?: Generations
}

export function createCacheStore(redis: Redis, options: CacheStoreOptions): Store<CacheOperation> {
  const { firstPrefix = '', prefixKey = '', holdKey = '' } = options.generations ?? {}
  let prefix = firstPrefix
  const writeChunk = async (operations: readonly CacheOperation[]): Promise<WriteResult<CacheOperation>> => {
    const keys = operations.map(({ key }) => prefix + key.slice(firstPrefix.length))
    const values: (string | number)[] = [options.deletedVersionTtlS, prefix, firstPrefix, prefixKey, holdKey]
    for (const operation of operations) {
      values.push(operation.version, operation.type === 'put' ? operation.document : '')
    }
    try {
      return readAnswer(operations, await classified(() => evaluate(redis, keys, values)))
    } catch (error) {
      const current = isError(error) ? /^SWITCHED (.+)$/.exec(error.message)?.[1] : undefined
      if (current === undefined) throw error
      prefix = current
      return await writeChunk(operations)
    }
  }
  return {
    write: async (operations) => {
      const chunks: (readonly CacheOperation[])[] = []
      for (let start = 0; start < operations.length; start += keysPerScript) {
        chunks.push(operations.slice(start, start + keysPerScript))
      }
      // All are sent at once, so Redis never waits for us between two of them.
      const results = await Promise.all(chunks.map(writeChunk))
      return {
        stale: results.reduce((sum, { stale }) => sum + stale, 0),
        refused: results.flatMap(({ refused }) => refused),
      }
    },
    ping: async () => {
      await classified(() => redis.ping())
    },
    close: async () => {
      await redis.quit().catch(() => {
        redis.disconnect()
      })
    },
  }
}

function readAnswer(operations: readonly CacheOperation[], answer: unknown): WriteResult<CacheOperation> {
  const [stale, ...refusals] = answer as [number, ...(number | string)[]]
  const refused: Refusal<CacheOperation>[] = []
  for (let at = 0; at < refusals.length; at += 2) {
    const operation = operations[Number(refusals[at]) - 1]
    if (operation === undefined)
      throw new Error(`The script refused key ${String(refusals[at])}, which it was not given`)
    refused.push({ operation, code: 'WRONGTYPE', message: `${operation.key}: ${String(refusals[at + 1])}` })
  }
  return { stale, refused }
}

/** Redis forgets scripts when it restarts; then the whole text is sent once. */
async function evaluate(redis: Redis, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
  try {
    return await redis.evalsha(scriptSha, keys.length, ...keys, ...values)
  } catch (error) {
    if (isError(error) && error.message.startsWith('NOSCRIPT')) {
      return redis.eval(script, keys.length, ...keys, ...values)
    }
    throw error
  }
}

/** Answers of a server that will take writes again without anyone changing our settings or code; HELD is our script's. */
const passingReplies = /^(?:HELD|LOADING|BUSY|OOM|MISCONF|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS)\b/

/** @throws {StoreUnavailable} for a broken connection, a timeout or a server that is not ready; else what was thrown. */
async function classified<Answer>(command: () => Promise<Answer>): Promise<Answer> {
  try {
    return await command()
  } catch (error) {
    if (!isError(error)) throw error
    // Only a reply of the server carries this name; everything else is about the way there.
    if (error.name !== 'ReplyError' || passingReplies.test(error.message)) {
      throw new StoreUnavailable(`Redis takes no writes: ${error.message}`, { cause: error })
    }
    throw error
  }
}
