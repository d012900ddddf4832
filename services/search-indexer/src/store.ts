/**
 * Writes search operations with Elasticsearch's bulk API and external versions.
 *
 * Invariant: the version of a document never falls, because Elasticsearch refuses a version that is not greater than
 * the one it has (409, which here means: already applied). Deletes are documents too, so their version is not
 * forgotten. What is acknowledged is durable; searches see it after the index's next refresh.
 */
import { isError, StoreUnavailable, type Refusal, type Store, type WriteResult } from '@driftlab/sink'
import type { Elasticsearch } from '@driftlab/stores'
import type { SearchOperation } from './operations.ts'

interface BulkItem {
  readonly index?: {
    readonly status: number
    readonly error?: { readonly type: string; readonly reason?: string | null }
  }
}

export interface SearchStoreOptions {
  /** The alias that is the lane's write index; see infra/elasticsearch. */
  readonly alias: string
}

export function createSearchStore(client: Elasticsearch, { alias }: SearchStoreOptions): Store<SearchOperation> {
  return {
    write: async (operations) => {
      const answer = await classified(alias, () =>
        client.bulk({
          index: alias,
          require_alias: true,
          operations: operations.flatMap(toBulkLines),
          // The rest of the answer is as long as the request, and nobody reads it.
          filter_path: ['items.*.status', 'items.*.error.type', 'items.*.error.reason'],
        }),
      )
      return readAnswer(operations, answer.items)
    },
    ping: async () => {
      const exists = await classified(alias, () => client.indices.existsAlias({ name: alias }))
      if (!exists) throw aliasMissing(alias)
    },
    close: () => client.close(),
  }
}

function toBulkLines(operation: SearchOperation): readonly (object | string)[] {
  const action = { index: { _id: operation.key, version: operation.version, version_type: 'external' as const } }
  switch (operation.type) {
    case 'index':
      return [action, operation.document]
    case 'soft-delete':
      return [action, { id: operation.key, deleted: true, deletedAt: operation.deletedAt }]
  }
}

/** Items answer operations one for one and in order. */
function readAnswer(operations: readonly SearchOperation[], items: readonly BulkItem[]): WriteResult<SearchOperation> {
  if (items.length !== operations.length) {
    throw new Error(`Elasticsearch answered ${items.length} items to ${operations.length} operations`)
  }
  let stale = 0
  const refused: Refusal<SearchOperation>[] = []
  operations.forEach((operation, at) => {
    const item = items[at]?.index
    if (item === undefined) throw new Error(`Elasticsearch gave no answer to operation ${operation.key}`)
    const { status, error } = item
    if (status < 300) return
    if (status === 409) {
      stale += 1
      return
    }
    const message = error?.reason ?? `status ${status}`
    // One document at fault; everything else (429, 403, 404, 5xx) is about the index or the cluster.
    if (status !== 400)
      throw new StoreUnavailable(`Elasticsearch takes no writes: ${status} ${error?.type ?? ''} ${message}`)
    refused.push({ operation, code: error?.type ?? 'bad_request', message })
  })
  return { stale, refused }
}

function aliasMissing(alias: string): StoreUnavailable {
  return new StoreUnavailable(`The alias ${alias} does not exist; run infra/elasticsearch/set-up.ts`)
}

/** @throws {StoreUnavailable} for a broken connection, a timeout, an overloaded or half-started node. */
async function classified<Answer>(alias: string, request: () => Promise<Answer>): Promise<Answer> {
  try {
    return await request()
  } catch (error) {
    if (!isError(error)) throw error
    const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined
    if (status === 404) throw aliasMissing(alias)
    const passing = status === undefined ? connectionErrors.has(error.name) : status === 429 || status >= 500
    if (passing) throw new StoreUnavailable(`Elasticsearch does not answer: ${error.message}`, { cause: error })
    throw error
  }
}

const connectionErrors: ReadonlySet<string> = new Set(['ConnectionError', 'TimeoutError', 'NoLivingConnectionsError'])
