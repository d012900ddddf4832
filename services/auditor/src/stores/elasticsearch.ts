/**
 * A lane's documents in Elasticsearch. Reads by key are realtime: they see an acknowledged write before the next
 * refresh. The scan refreshes first and then walks one point in time, so it sees all that was acknowledged before it.
 *
 * A document that carries the deleted flag is not held: readers do not see it.
 */
import { connectElasticsearch } from '@driftlab/stores'
import type { Held } from '../judge.ts'
import type { StoreSpecification } from '../specification.ts'
import { unreadable, type DerivedStore } from './derived-store.ts'

type ElasticsearchSpecification = Extract<StoreSpecification, { kind: 'elasticsearch' }>

const readMax = 500
/** Longer than the waits between two pages can be. */
const pointInTimeKeepAlive = '15m'

export function openElasticsearch(
  url: string,
  specification: ElasticsearchSpecification,
  options: { readonly timeoutMs: number },
): DerivedStore {
  const client = connectElasticsearch(url, options)
  const { index, deletedField } = specification

  const isDeleted = (fields: Readonly<Record<string, unknown>>): boolean =>
    deletedField !== undefined && fields[deletedField] === true

  return {
    dialect: 'document',
    read: async (keys) => {
      const held = new Map<string, Held>()
      for (let start = 0; start < keys.length; start += readMax) {
        const { docs } = await client.mget({ index, ids: keys.slice(start, start + readMax), realtime: true })
        for (const answer of docs) {
          if ('error' in answer) throw new Error(`${index}/${answer._id}: ${answer.error.reason ?? answer.error.type}`)
          if (!answer.found) continue
          const fields = answer._source
          if (typeof fields !== 'object' || fields === null) {
            held.set(answer._id, unreadable('the document has no source', JSON.stringify(answer)))
          } else if (!isDeleted(fields as Readonly<Record<string, unknown>>)) {
            held.set(answer._id, { state: 'present', fields: fields as Readonly<Record<string, unknown>> })
          }
        }
      }
      return held
    },
    async *keys(pageSize) {
      await client.indices.refresh({ index })
      const { id: opened } = await client.openPointInTime({ index, keep_alive: pointInTimeKeepAlive })
      let id = opened
      try {
        let after: unknown[] | undefined
        for (;;) {
          const answer = await client.search({
            pit: { id, keep_alive: pointInTimeKeepAlive },
            size: Math.min(pageSize, 10_000),
            sort: [{ _shard_doc: 'asc' }],
            query:
              deletedField === undefined
                ? { match_all: {} }
                : { bool: { must_not: [{ term: { [deletedField]: true } }] } },
            _source: false,
            track_total_hits: false,
            allow_partial_search_results: false,
            ...(after === undefined ? {} : { search_after: after as string[] }),
          })
          if (answer.timed_out) throw new Error(`${index}: the scan timed out, so not every document was seen`)
          id = answer.pit_id ?? id
          const { hits } = answer.hits
          const last = hits.at(-1)
          if (last === undefined) return
          yield hits.map((hit) => hit._id ?? '')
          after = last.sort
        }
      } finally {
        await client.closePointInTime({ id })
      }
    },
    close: () => client.close(),
  }
}
