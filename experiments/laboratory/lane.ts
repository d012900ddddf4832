/**
 * A lane of an experiment: empty tables, keys, index and warehouse, made by the same code as the real lanes' and gone
 * when the experiment ends.
 */
import { laneNames } from '@driftlab/order'
import {
  audit,
  connectionsFrom,
  eventSourcedLaneSpecification,
  orderEventsFold,
  ordersLaneSpecification,
  ordersSpecificationPath,
  readSpecification,
  type AuditOptions,
  type LaneReport,
  type LaneSpecification,
  type Specification,
} from '@driftlab/auditor'
import { connectClickHouse, connectElasticsearch, connectRedis } from '@driftlab/stores'
import { dropLane as dropWarehouse, setUpLane as setUpWarehouse, type LaneKind } from '../../infra/clickhouse/lane.ts'
import { dropLane as dropIndex, setUpLane as setUpIndex } from '../../infra/elasticsearch/lane.ts'
import { createLane, dropLane as dropTables } from '../../infra/postgres/lane.ts'
import type { Laboratory } from './laboratory.ts'

export interface LaneOptions {
  readonly name: string
  /** Whether the warehouse's rows carry a version (`cdc`) or the last to arrive wins (`dual-write`). */
  readonly kind: LaneKind
  /** Whether its orders are in PostgreSQL, or in a database that is the experiment's own affair. */
  readonly systemOfRecord?: 'postgres' | 'other'
}

const adminTimeoutMs = 30_000

/** Makes it in every store. One of that name that an earlier run left behind is dropped first. */
export async function openLane(laboratory: Laboratory, options: LaneOptions): Promise<void> {
  const { name, kind, systemOfRecord = 'postgres' } = options
  const { url, settings, postgres } = laboratory
  const names = laneNames(name)
  const elasticsearch = connectElasticsearch(url.elasticsearch('ADMIN'), { timeoutMs: adminTimeoutMs })
  const clickhouse = connectClickHouse(url.clickhouse('ADMIN'), { timeoutMs: adminTimeoutMs })
  laboratory.atEnd(() => Promise.all([elasticsearch.close(), clickhouse.close()]))
  const drop = async (): Promise<void> => {
    await dropTables(postgres, names.schema)
    await dropIndex(elasticsearch, name)
    await dropWarehouse(clickhouse, name)
    for (const keys of [`${name}:order:*`, `${name}:v*:order:*`, `${name}:orders:*`]) {
      await dropKeys(url.redis('ADMIN'), keys)
    }
  }
  await drop()
  laboratory.atEnd(drop)
  if (systemOfRecord === 'postgres') await createLane(postgres, names.schema)
  await setUpIndex(elasticsearch, name)
  await setUpWarehouse(clickhouse, name, kind)
  const writer = kind === 'cdc' ? settings.CLICKHOUSE_WAREHOUSE_LOADER_USER : settings.CLICKHOUSE_ORDERS_USER
  for (const user of new Set([writer, settings.CLICKHOUSE_ORDERS_USER])) {
    await clickhouse.command({ query: `GRANT SELECT, INSERT ON ${names.warehouseDatabase}.* TO ${user}` })
  }
}

export async function dropKeys(redisUrl: string, pattern: string): Promise<void> {
  const redis = connectRedis(redisUrl)
  try {
    if (redis.status !== 'ready') await new Promise((resolve) => redis.once('ready', resolve))
    let cursor = '0'
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', 10_000)
      cursor = next
      if (keys.length > 0) await redis.unlink(...keys)
    } while (cursor !== '0')
  } finally {
    redis.disconnect()
  }
}

/** Compares the lane's stores with its system of record; every diverged key is among the examples. */
export async function auditLane(
  laboratory: Laboratory,
  lane: string,
  settles: LaneSpecification['settles'],
  patience: AuditPatience = {},
): Promise<LaneReport> {
  return await auditOne(laboratory, lane, await ordersLaneSpecification(lane, settles), patience)
}

/** A lane whose truth is a log, against the fold of it. */
export async function auditEventSourcedLane(laboratory: Laboratory, lane: string): Promise<LaneReport> {
  return await auditOne(laboratory, lane, await eventSourcedLaneSpecification(lane))
}

/** How long one wait for the log may take; by default as long as the auditor's own. */
export type AuditPatience = Pick<AuditOptions, 'deadlineMs'>

/** The lane `cdc` of the laboratory itself, which all experiments share. */
export async function auditCdcLane(laboratory: Laboratory): Promise<LaneReport> {
  return await auditOne(laboratory, 'cdc', await readSpecification(ordersSpecificationPath))
}

async function auditOne(
  laboratory: Laboratory,
  lane: string,
  specification: Specification,
  patience: AuditPatience = {},
): Promise<LaneReport> {
  const report = await audit({
    specification,
    folds: { 'order-events': orderEventsFold },
    lanes: [lane],
    connections: connectionsFrom(laboratory.settings, specification, [lane]),
    examplesMax: 100_000,
    ...patience,
  })
  const found = report.lanes[lane]
  if (found === undefined) throw new Error(`the audit says nothing of ${lane}`)
  return found
}
