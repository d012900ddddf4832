/**
 * Makes and removes the search index of one lane. Used by the set-up job for the real lanes and by tests for lanes of
 * their own. Idempotent; an existing index is left as it is.
 *
 * Invariant: readers and writers know only the alias `<lane>-orders`. It is the write index, and searches through it
 * do not see soft-deleted documents. (A get by id does: only the filter of a search hides them.) A new mapping is a new
 * `-v2` behind the same alias.
 */
import { readFile } from 'node:fs/promises'
import { laneNames } from '@driftlab/order'
import type { Elasticsearch } from '@driftlab/stores'
import { z } from 'zod'

export const lanes = ['cdc', 'dual-write'] as const

const indexSchema = z.object({
  settings: z.object({ index: z.record(z.string(), z.unknown()) }),
  mappings: z.record(z.string(), z.unknown()),
})

export interface LaneOptions {
  /** Settings other than those of orders-index.json, such as `gc_deletes` lowered for a test. */
  readonly indexSettings?: Readonly<Record<string, unknown>>
}

function indexOf(lane: string): string {
  return `${laneNames(lane).index}-v1`
}

export async function setUpLane(client: Elasticsearch, lane: string, options: LaneOptions = {}): Promise<void> {
  const index = indexOf(lane)
  if (await client.indices.exists({ index })) return
  const text = await readFile(new URL('orders-index.json', import.meta.url), 'utf8')
  const { settings, mappings } = indexSchema.parse(JSON.parse(text))
  await client.indices.create({
    index,
    settings: { index: { ...settings.index, ...options.indexSettings } },
    mappings,
    aliases: {
      [laneNames(lane).index]: {
        is_write_index: true,
        filter: { bool: { must_not: [{ term: { deleted: true } }] } },
      },
    },
  })
}

export async function dropLane(client: Elasticsearch, lane: string): Promise<void> {
  await client.indices.delete({ index: indexOf(lane), ignore_unavailable: true })
}
