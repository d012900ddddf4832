/**
 * Makes and removes the search index of one lane. Used by the set-up job for the real lanes and by tests for lanes of
 * their own. Idempotent; an existing alias is left as it is, whichever generation is behind it.
 *
 * Invariant: readers and writers know only the alias `<lane>-orders`. It is the write index, and searches through it
 * do not see soft-deleted documents. (A get by id does: only the filter of a search hides them.) A rebuild, with a new
 * mapping or without, makes a new generation `-v2` behind the same alias (services/rebuild).
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

/** What an index of orders is made with. */
export async function readIndexDefinition(): Promise<z.output<typeof indexSchema>> {
  return indexSchema.parse(JSON.parse(await readFile(new URL('orders-index.json', import.meta.url), 'utf8')))
}

/** The lane's alias, as the index has it that is read and written. */
export const currentAlias = {
  is_write_index: true,
  filter: { bool: { must_not: [{ term: { deleted: true } }] } },
}

/** The index of one generation. */
export function generationIndex(lane: string, generation: number): string {
  return `${laneNames(lane).index}-v${generation}`
}

/** Of every generation that exists, the current one included. */
export async function generationIndices(client: Elasticsearch, lane: string): Promise<readonly string[]> {
  const prefix = `${laneNames(lane).index}-v`
  const found = await client.indices.get({ index: `${prefix}*`, allow_no_indices: true, features: ['aliases'] })
  return Object.keys(found).filter((name) => /^\d+$/.test(name.slice(prefix.length)))
}

export async function setUpLane(client: Elasticsearch, lane: string, options: LaneOptions = {}): Promise<void> {
  const alias = laneNames(lane).index
  if (await client.indices.existsAlias({ name: alias })) return
  const { settings, mappings } = await readIndexDefinition()
  await client.indices.create({
    index: generationIndex(lane, 1),
    settings: { index: { ...settings.index, ...options.indexSettings } },
    mappings,
    aliases: { [alias]: currentAlias },
  })
}

export async function dropLane(client: Elasticsearch, lane: string): Promise<void> {
  const indices = await generationIndices(client, lane)
  if (indices.length > 0) await client.indices.delete({ index: [...indices], ignore_unavailable: true })
}
