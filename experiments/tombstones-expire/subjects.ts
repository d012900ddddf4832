/**
 * The stores, each written in two ways: by the sink's own code, which leaves a fence behind, and by the store's own
 * delete behind the same comparison of versions, as one would write it who trusts the store to remember.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { ChangeEvent } from '@driftlab/change-event'
import { laneNames, parseOrderRow, toDocument, toWarehouseOrder } from '@driftlab/order'
import type { Operation, Projection, Store } from '@driftlab/sink'
import { connectClickHouse, connectElasticsearch, connectRedis, type Elasticsearch } from '@driftlab/stores'
import { eventually } from '@driftlab/stores/testing'
import { dropLane as dropWarehouse, setUpLane as setUpWarehouse } from '../../infra/clickhouse/lane.ts'
import { dropLane as dropIndex, setUpLane as setUpIndex } from '../../infra/elasticsearch/lane.ts'
import { projectInto } from '../../services/cache-updater/src/project.ts'
import { createCacheStore } from '../../services/cache-updater/src/store.ts'
import { project as projectDocument } from '../../services/search-indexer/src/project.ts'
import { createSearchStore } from '../../services/search-indexer/src/store.ts'
import { project as projectRow } from '../../services/warehouse-loader/src/project.ts'
import { createWarehouseStore } from '../../services/warehouse-loader/src/store.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import type { Trial } from './history.ts'

export interface Moment extends Pick<Trial, 'meanwhile' | 'forgotten'> {
  readonly pass: () => Promise<unknown>
}

export interface Subject extends Pick<Trial, 'store' | 'approach'> {
  readonly write: (changes: readonly ChangeEvent[]) => Promise<unknown>
  readonly moments: readonly Moment[]
  /** How many of these orders a reader sees. */
  readonly alive: (ids: readonly string[]) => Promise<number>
}

const timeoutMs = 30_000
const lane = 'cdc-tombstones'
const atOnce: Moment = { meanwhile: 'nothing', forgotten: false, pass: () => Promise.resolve() }

const throughSink =
  <Op extends Operation>(store: Store<Op>, project: Projection<Op>): Subject['write'] =>
  (changes) =>
    store.write(changes.flatMap(project))

const rowOf = (change: ChangeEvent) => parseOrderRow(change.kind === 'delete' ? change.before : change.after)

const fenceLifetimeS = 1

/** A put that is not newer than what the key holds changes nothing; a delete takes the key away. */
const putIfNewer = `
if tonumber(ARGV[1]) <= tonumber(redis.call('HGET', KEYS[1], 'version') or '0') then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'document', ARGV[2])
return 1
`

export async function redisSubjects({ url, atEnd }: Laboratory): Promise<readonly Subject[]> {
  const redis = connectRedis(url.redis('ADMIN'), { timeoutMs })
  atEnd(() => {
    redis.disconnect()
    return Promise.resolve()
  })
  await eventually(() => redis.status === 'ready', { deadlineMs: timeoutMs })
  const { redisKey } = laneNames(lane)
  const written = new Set<string>()
  atEnd(() => redis.unlink(...written, redisKey('')))
  const noting =
    (write: Subject['write']): Subject['write'] =>
    (changes) => {
      for (const change of changes) written.add(redisKey(rowOf(change).id))
      return write(changes)
    }
  const alive: Subject['alive'] = async (ids) => {
    const documents = await Promise.all(ids.map((id) => redis.hget(redisKey(id), 'document')))
    return documents.filter((document) => document !== null).length
  }
  return [
    {
      ...{ store: 'Redis', approach: 'hard delete', alive },
      write: noting((changes) =>
        Promise.all(
          changes.map((change) => {
            const row = rowOf(change)
            return change.kind === 'delete'
              ? redis.del(redisKey(row.id))
              : redis.eval(putIfNewer, 1, redisKey(row.id), change.version, JSON.stringify(toDocument(row)))
          }),
        ),
      ),
      moments: [{ ...atOnce, forgotten: true }],
    },
    {
      ...{ store: 'Redis', approach: 'fence', alive },
      write: noting(throughSink(createCacheStore(redis, { deletedVersionTtlS: fenceLifetimeS }), projectInto(lane))),
      moments: [
        atOnce,
        {
          ...{ meanwhile: `the fence's lifetime of ${fenceLifetimeS} s`, forgotten: true },
          pass: () => delay(fenceLifetimeS * 1_000 + 500),
        },
      ],
    },
  ]
}

/** `gcDeletesS`: index.gc_deletes; 60 is Elasticsearch's default. */
export async function elasticsearchSubjects(
  { url, atEnd }: Laboratory,
  gcDeletesS: number,
): Promise<readonly Subject[]> {
  const client = connectElasticsearch(url.elasticsearch('ADMIN'), { timeoutMs })
  atEnd(() => client.close())
  const ownLane = `${lane}-${gcDeletesS}`
  const { index } = laneNames(ownLane)
  await dropIndex(client, ownLane)
  await setUpIndex(client, ownLane, { indexSettings: { gc_deletes: `${gcDeletesS}s` } })
  atEnd(() => dropIndex(client, ownLane))

  const outlastDeletes: Moment['pass'] = async () => {
    // Its clock advances in steps, and it looks for what to forget when it refreshes.
    await delay(gcDeletesS * 1_000 + 1_500)
    await client.indices.refresh({ index })
  }
  const afterGc = `index.gc_deletes, ${gcDeletesS} s, and a refresh`
  const alive: Subject['alive'] = async (ids) => {
    await client.indices.refresh({ index })
    const { count } = await client.count({ index, query: { ids: { values: [...ids] } } })
    return count
  }
  return [
    {
      ...{ store: 'Elasticsearch', approach: 'hard delete', alive },
      write: (changes) => hardBulk(client, index, changes),
      moments: [atOnce, { meanwhile: afterGc, forgotten: true, pass: outlastDeletes }],
    },
    {
      ...{ store: 'Elasticsearch', approach: 'fence', alive },
      write: throughSink(createSearchStore(client, { alias: index }), projectDocument),
      moments: [
        atOnce,
        { meanwhile: afterGc, forgotten: false, pass: outlastDeletes },
        {
          ...{ meanwhile: `a purge of the soft-deleted, then ${afterGc}`, forgotten: true },
          pass: async () => {
            await client.indices.refresh({ index })
            await purge(client, index)
            await outlastDeletes()
          },
        },
      ],
    },
  ]
}

/** Deletes what the readers' alias hides, so not through the alias. */
async function purge(client: Elasticsearch, index: string): Promise<void> {
  const { hits } = await client.search({ index: `${index}-v1`, query: { term: { deleted: true } }, size: 10_000 })
  await client.bulk({ index, operations: hits.hits.map(({ _id }) => ({ delete: { _id } })) })
}

/** With external versions: 409 says that the document, or the delete that Elasticsearch remembers, is newer. */
async function hardBulk(client: Elasticsearch, index: string, changes: readonly ChangeEvent[]): Promise<void> {
  const answer = await client.bulk({
    index,
    operations: changes.flatMap((change): object[] => {
      const row = rowOf(change)
      const target = { _id: row.id, version: change.version, version_type: 'external' as const }
      return change.kind === 'delete' ? [{ delete: target }] : [{ index: target }, toDocument(row)]
    }),
  })
  const refused = answer.items
    .flatMap((item) => Object.values(item))
    .find(({ status }) => status >= 400 && status !== 409)
  if (refused !== undefined) throw new Error(`Elasticsearch refuses a write: ${JSON.stringify(refused)}`)
}

export async function clickhouseSubjects({ url, atEnd }: Laboratory): Promise<readonly Subject[]> {
  const client = connectClickHouse(url.clickhouse('ADMIN'), { timeoutMs })
  atEnd(() => client.close())
  const { warehouseDatabase: database } = laneNames(lane)
  await dropWarehouse(client, lane)
  await setUpWarehouse(client, lane, 'cdc')
  atEnd(() => dropWarehouse(client, lane))
  const optimize = (how: string): Promise<unknown> =>
    client.command({ query: `OPTIMIZE TABLE ${database}.orders_by_version ${how}` })
  const alive: Subject['alive'] = async (ids) => {
    const answer = await client.query({
      query: `SELECT count() AS alive FROM ${database}.orders WHERE id IN {ids: Array(String)}`,
      query_params: { ids },
      format: 'JSONEachRow',
    })
    return Number((await answer.json<{ alive: string }>())[0]?.alive)
  }
  return [
    {
      ...{ store: 'ClickHouse', approach: 'hard delete', alive },
      write: async (changes) => {
        const kept = changes.filter(({ kind }) => kind !== 'delete')
        if (kept.length > 0) {
          await client.insert({
            table: `${database}.orders_by_version`,
            values: kept.map((change) => ({ ...toWarehouseOrder(rowOf(change)), version: change.version, deleted: 0 })),
            format: 'JSONEachRow',
          })
        }
        const removed = changes.filter(({ kind }) => kind === 'delete').map((change) => rowOf(change).id)
        if (removed.length > 0) {
          await client.command({
            query: `DELETE FROM ${database}.orders_by_version WHERE id IN {ids: Array(String)}`,
            query_params: { ids: removed },
          })
        }
      },
      moments: [{ ...atOnce, forgotten: true }],
    },
    {
      ...{ store: 'ClickHouse', approach: 'fence', alive },
      write: throughSink(createWarehouseStore(client, { database }), projectRow),
      moments: [
        atOnce,
        { meanwhile: 'OPTIMIZE FINAL', forgotten: false, pass: () => optimize('FINAL') },
        {
          ...{ meanwhile: 'OPTIMIZE FINAL CLEANUP, which the table has to be told to allow', forgotten: true },
          pass: async () => {
            await client.command({
              query: `ALTER TABLE ${database}.orders_by_version MODIFY SETTING allow_experimental_replacing_merge_with_cleanup = 1`,
            })
            await optimize('FINAL CLEANUP')
          },
        },
      ],
    },
  ]
}
