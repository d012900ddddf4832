import { Client } from '@elastic/elasticsearch'
import { defaultTimeoutMs, splitCredentials, type ConnectOptions } from './options.ts'

export type Elasticsearch = Client

/** A client that never retries by itself: a repeated write is a decision of the caller's, who knows what it means. */
export function connectElasticsearch(url: string, options: ConnectOptions = {}): Elasticsearch {
  const { address, username, password } = splitCredentials(url)
  return new Client({
    node: address,
    ...(username === '' ? {} : { auth: { username, password } }),
    requestTimeout: options.timeoutMs ?? defaultTimeoutMs,
    maxRetries: 0,
  })
}
