import { Redis } from 'ioredis'
import { defaultTimeoutMs, type ConnectOptions } from './options.ts'

export type { Redis }

/**
 * One connection that comes back by itself. A command fails at once while it is down instead of waiting in a queue
 * that nobody bounds: the caller decides whether to try again.
 *
 * `onConnectionError` hears of each failed attempt to connect; the command that needed it fails on its own.
 */
export function connectRedis(
  url: string,
  options: ConnectOptions & { readonly onConnectionError?: (error: Error) => void } = {},
): Redis {
  const redis = new Redis(url, {
    commandTimeout: options.timeoutMs ?? defaultTimeoutMs,
    connectTimeout: options.timeoutMs ?? defaultTimeoutMs,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
  })
  redis.on('error', options.onConnectionError ?? (() => undefined))
  return redis
}
