/**
 * A generation of the search index is an index `<lane>-orders-vN`; the alias `<lane>-orders` is moved from one to the next in
 * one call (infra/elasticsearch/lane.ts).
 *
 * The hold is a write block on the old index: the call that sets it waits for the writes in flight, and the old index keeps
 * it after the switch. If a rebuild is killed in between, it stays until the next one lifts it.
 */
import { laneNames } from '@driftlab/order'
import { connectElasticsearch, type Elasticsearch } from '@driftlab/stores'
import {
  currentAlias,
  generationIndex,
  generationIndices,
  readIndexDefinition,
} from '../../../infra/elasticsearch/lane.ts'
import { openElasticsearch as openForReading } from '../../auditor/src/stores/elasticsearch.ts'
import type { SearchOperation } from '../../search-indexer/src/operations.ts'
import { project } from '../../search-indexer/src/project.ts'
import { createSearchStore } from '../../search-indexer/src/store.ts'
import { RebuildError, type NamedStore, type Rebuildable } from './generation.ts'

export interface ElasticsearchOptions {
  /** Of a user who may make and delete the lane's indices. */
  readonly url: string
  readonly lane: string
}

const timeoutMs = 120_000

export function openElasticsearch({ url, lane }: ElasticsearchOptions): Rebuildable<SearchOperation> {
  const client = connectElasticsearch(url, { timeoutMs })
  const alias = laneNames(lane).index
  /** The filler's way in, so that it can no more than any writer make an index by accident. */
  const fillAlias = `${alias}-filling`
  const open = (index: string): NamedStore => {
    const shape = {
      kind: 'elasticsearch',
      deletedField: 'deleted',
      projection: 'document',
      revisionField: 'revision',
    } as const
    return { name: index, store: openForReading(url, { ...shape, index }, { timeoutMs }) }
  }
  const indexOfAlias = (): Promise<string> => currentIndex(client, alias)

  return {
    name: 'elasticsearch',
    operationsPerWriteMax: 5_000,
    prepare: async () => {
      const current = await indexOfAlias()
      const left = (await generationIndices(client, lane)).filter((index) => index !== current)
      if (left.length > 0) await client.indices.delete({ index: left })
      const release = async (): Promise<void> => {
        await client.indices.putSettings({ index: current, settings: { blocks: { write: false } } })
      }
      await release()
      const fresh = generationIndex(lane, generationOf(current, alias) + 1)
      const { settings, mappings } = await readIndexDefinition()
      const { refresh_interval: refreshInterval = null } = settings.index
      await client.indices.create({
        index: fresh,
        settings: {
          index: {
            ...settings.index,
            number_of_replicas: await replicasOf(client, current),
            // Nobody searches it yet.
            refresh_interval: '-1',
          },
        },
        mappings,
        aliases: { [fillAlias]: { is_write_index: true } },
      })
      return {
        current,
        fresh,
        project,
        store: { ...createSearchStore(client, { alias: fillAlias }), close: () => Promise.resolve() },
        hold: async () => {
          // What was filled becomes searchable before anybody waits, so that little is left to do while they do.
          await client.indices.putSettings({ index: fresh, settings: { 'index.refresh_interval': refreshInterval } })
          await client.indices.refresh({ index: fresh })
          await client.indices.addBlock({ index: current, block: 'write' })
        },
        release,
        switch: async () => {
          await client.indices.refresh({ index: fresh })
          await client.indices.updateAliases({
            actions: [
              { remove: { index: current, alias, must_exist: true } },
              { remove: { index: fresh, alias: fillAlias } },
              { add: { index: fresh, alias, ...currentAlias } },
            ],
          })
        },
        discard: async () => {
          await release()
          if ((await indexOfAlias()) !== fresh) await client.indices.delete({ index: fresh })
        },
        removeOld: async () => {
          await client.indices.delete({ index: current })
        },
      }
    },
    openKept: async () => {
      const current = await indexOfAlias()
      const [old] = (await generationIndices(client, lane)).filter((index) => index !== current)
      return old === undefined ? undefined : { old: open(old), current: open(current) }
    },
    close: () => client.close(),
  }
}

async function currentIndex(client: Elasticsearch, alias: string): Promise<string> {
  const found = Object.keys(await client.indices.getAlias({ name: alias }, { ignore: [404] }))
  const [index] = found.filter((name) => name.startsWith(`${alias}-v`))
  if (index === undefined) {
    throw new RebuildError(`There is no alias ${alias} to rebuild behind; run infra/elasticsearch/set-up.ts`)
  }
  return index
}

function generationOf(index: string, alias: string): number {
  return Number(index.slice(`${alias}-v`.length))
}

async function replicasOf(client: Elasticsearch, index: string): Promise<number | string> {
  const answer = await client.indices.getSettings({ index, name: 'index.number_of_replicas' })
  return answer[index]?.settings?.index?.number_of_replicas ?? 0
}
