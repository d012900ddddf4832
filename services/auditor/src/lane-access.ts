/** Opens what is read of one lane, its source, its stores and its log, and says how each store shows a record. */
import { tmpdir } from 'node:os'
import type { View } from './judge.ts'
import { openKafka, type ChangeLog } from './log.ts'
import { openEventLog, type EventFold } from './sources/event-log.ts'
import { openPostgres } from './sources/postgres.ts'
import type { Source } from './sources/source.ts'
import type { LaneSpecification, Specification, StoreSpecification } from './specification.ts'
import { openClickHouse } from './stores/clickhouse.ts'
import type { DerivedStore } from './stores/derived-store.ts'
import { openElasticsearch } from './stores/elasticsearch.ts'
import { openRedis } from './stores/redis.ts'

/** Where everything is, with users that may only read. What a lane does not need may be left out. */
export interface Connections {
  readonly postgresUrl?: string | undefined
  readonly redisUrl?: string | undefined
  readonly elasticsearchUrl?: string | undefined
  readonly clickhouseUrl?: string | undefined
  readonly kafkaBrokers?: readonly string[] | undefined
}

export interface Access {
  readonly specification: Specification
  readonly connections: Connections
  /** By the names that lanes whose truth is an event log give them. */
  readonly folds?: Readonly<Record<string, EventFold>>
  /** Where the fold of an event log is kept meanwhile; the system's place for such files, unless given. */
  readonly stateDir?: string
}

/** Connects when it is first asked. @throws {TypeError} when its address or its fold was not given. */
export function openLaneSource(
  lane: LaneSpecification,
  { specification: { record }, connections, folds = {}, stateDir = tmpdir() }: Access,
  options: { readonly timeoutMs: number; readonly onProgress: (message: string) => void },
): Source {
  const { timeoutMs } = options
  if (lane.eventLog !== undefined) {
    const { topic, fold: name } = lane.eventLog
    const fold = folds[name]
    if (fold === undefined) throw new TypeError(`there is no fold ${name}`)
    return openEventLog(given(connections.kafkaBrokers, 'Kafka'), record, { topic, fold }, { ...options, stateDir })
  }
  const { deletions, settles } = lane
  const table = given(lane.table, 'the table')
  const slot = settles.kind === 'log' ? settles.slot : undefined
  return openPostgres(given(connections.postgresUrl, 'PostgreSQL'), record, { table, deletions }, { timeoutMs, slot })
}

export function viewOf(views: ReadonlyMap<string, View>, store: string): View {
  const view = views.get(store)
  if (view === undefined) throw new TypeError(`The lane has no store ${store}`)
  return view
}

/** @throws when its address was not given, or when it does not answer in time and has to be connected to first. */
export async function openStore(
  store: StoreSpecification,
  { connections, specification }: Access,
  timeoutMs: number,
): Promise<DerivedStore> {
  switch (store.kind) {
    case 'redis-hash':
      return openRedis(given(connections.redisUrl, 'Redis'), store, { timeoutMs })
    case 'elasticsearch':
      return openElasticsearch(given(connections.elasticsearchUrl, 'Elasticsearch'), store, { timeoutMs })
    case 'clickhouse': {
      const projection = specification.projections[store.projection] ?? {}
      return openClickHouse(given(connections.clickhouseUrl, 'ClickHouse'), store, projection, { timeoutMs })
    }
  }
}

export function openLog({ connections }: Access, timeoutMs: number): Promise<ChangeLog> {
  return openKafka(given(connections.kafkaBrokers, 'Kafka'), { timeoutMs })
}

function given<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new TypeError(`the address of ${what} was not given`)
  return value
}
