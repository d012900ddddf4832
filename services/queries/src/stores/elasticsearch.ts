/**
 * The orders of a lane in the search index, through its alias, which follows a rebuild by itself. Deleted ones are hidden:
 * the alias filters them from searches, and a read by id looks at their flag.
 *
 * A read by id sees every acknowledged write; a search sees those before the last refresh, about a second ago. What a client
 * asks for is a value in the request, never a part of its structure.
 */
import type { Elasticsearch } from '@driftlab/stores'
import type { Lane } from '../lanes.ts'
import { LaneOff, StoreUnavailable } from './failure.ts'
import type { Found } from './redis.ts'

export interface SearchFilter {
  readonly text?: string | undefined
  readonly status?: string | undefined
  /** Placed at that time or later, RFC 3339. */
  readonly from?: string | undefined
  /** Placed before that time. */
  readonly to?: string | undefined
}

/** The place of an order in the list: when it was placed, in ms since 1970, and its id. */
export type SearchPlace = readonly [placedMs: number, id: string]

export interface Hit {
  readonly place: SearchPlace
  readonly fields: Readonly<Record<string, unknown>>
  readonly version: number | null
}

export interface SearchIndex {
  read(lane: Lane, id: string): Promise<Found>
  /** The newest first. */
  search(lane: Lane, filter: SearchFilter, after: SearchPlace | undefined, limit: number): Promise<readonly Hit[]>
  /** When the newest change was made that a search can see, RFC 3339; null when there is none. */
  newestChangeAt(lane: Lane): Promise<string | null>
  ping(): Promise<void>
}

const searchedFields = ['id', 'customerId', 'customerName', 'items.sku', 'items.description', 'note']

export function openSearchIndex(client: Elasticsearch, { timeoutMs }: { readonly timeoutMs: number }): SearchIndex {
  // The node gives up before we do, so that nobody works for an answer that no one waits for.
  const bounded = { timeout: `${timeoutMs}ms`, allow_partial_search_results: false, track_total_hits: false } as const
  return {
    read: async ({ name, index }, id) => {
      const answer = await classified(name, () => client.get({ index, id }, { ignore: [404] }))
      if (!('found' in answer)) throw new LaneOff(name, answer)
      const version = answer._version ?? null
      if (!answer.found) return { held: { state: 'absent' }, version: null }
      const fields = answer._source
      if (!isObject(fields)) {
        return { held: { state: 'unreadable', reason: 'the document has no source', excerpt: '' }, version }
      }
      return { held: fields['deleted'] === true ? { state: 'absent' } : { state: 'present', fields }, version }
    },

    search: async ({ name, index }, { text, status, from, to }, after, limit) => {
      const answer = await classified(name, () =>
        client.search({
          index,
          ...bounded,
          size: limit,
          version: true,
          query: {
            bool: {
              must:
                text === undefined
                  ? []
                  : [{ multi_match: { query: text, fields: searchedFields, operator: 'and', lenient: true } }],
              filter: [
                ...(status === undefined ? [] : [{ term: { status } }]),
                ...(from === undefined ? [] : [{ range: { createdAt: { gte: from } } }]),
                ...(to === undefined ? [] : [{ range: { createdAt: { lt: to } } }]),
              ],
            },
          },
          // Ids are unique, so no two orders have one place.
          sort: [{ createdAt: { order: 'desc', missing: 0 } }, { id: { order: 'asc' } }],
          ...(after === undefined ? {} : { search_after: [...after] }),
        }),
      )
      refuseHalfAnAnswer(answer.timed_out)
      return answer.hits.hits.map(({ _id, _source, _version, sort }) => ({
        place: [Number(sort?.[0] ?? 0), String(sort?.[1] ?? _id)],
        fields: isObject(_source) ? _source : {},
        version: _version ?? null,
      }))
    },

    newestChangeAt: async ({ name, index }) => {
      const answer = await classified(name, () =>
        client.search({ index, ...bounded, size: 1, sort: [{ updatedAt: 'desc' }], _source: ['updatedAt'] }),
      )
      refuseHalfAnAnswer(answer.timed_out)
      const source = answer.hits.hits[0]?._source
      const at = isObject(source) ? source['updatedAt'] : undefined
      return typeof at === 'string' ? at : null
    },

    ping: async () => {
      await classified('', () => client.security.authenticate())
    },
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuseHalfAnAnswer(timedOut: boolean): void {
  if (timedOut) throw new StoreUnavailable('elasticsearch', new Error('the search took too long'))
}

const connectionErrors: ReadonlySet<string> = new Set(['ConnectionError', 'TimeoutError', 'NoLivingConnectionsError'])

/** @throws {StoreUnavailable} for a broken connection, a timeout, an overloaded or half-started node; {LaneOff} */
async function classified<Answer>(lane: string, request: () => Promise<Answer>): Promise<Answer> {
  try {
    return await request()
  } catch (error) {
    if (!Error.isError(error)) throw error
    const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined
    if (status === 404) throw new LaneOff(lane, error)
    const passing = status === undefined ? connectionErrors.has(error.name) : status === 429 || status >= 500
    throw passing ? new StoreUnavailable('elasticsearch', error) : error
  }
}
