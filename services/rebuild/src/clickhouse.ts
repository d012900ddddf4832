/**
 * A generation of the warehouse is the table `orders_by_version`, which the view `orders` reads and the materialized view
 * fills. Both know it by its name, so one EXCHANGE TABLES gives readers and writers the fresh one.
 *
 * `order_changes` is not rebuilt: a compacted topic has only the last change of an order, and this table has them all. The
 * filler's rows therefore go through a table that keeps nothing, `orders_fill`, and a view of the live one's own text.
 *
 * The hold makes `order_changes` read-only. If a rebuild is killed in between, it stays so until the next one lifts it.
 * ReplicatedMergeTree knows no such setting, so a cluster's warehouse cannot be rebuilt like this.
 */
import { ordersSpecificationPath, readSpecification } from '@driftlab/auditor'
import { laneNames } from '@driftlab/order'
import { connectClickHouse, type ClickHouse } from '@driftlab/stores'
import pRetry from 'p-retry'
import { openClickHouse as openForReading } from '../../auditor/src/stores/clickhouse.ts'
import type { WarehouseOperation } from '../../warehouse-loader/src/operations.ts'
import { project } from '../../warehouse-loader/src/project.ts'
import { createWarehouseStore } from '../../warehouse-loader/src/store.ts'
import { RebuildError, type NamedStore, type Rebuildable } from './generation.ts'

export interface ClickHouseOptions {
  /** Of a user who may make and drop the lane's tables. */
  readonly url: string
  readonly lane: string
}

const timeoutMs = 120_000
const fillTable = 'orders_fill'
const oldView = 'orders_old'

export function openClickHouse({ url, lane }: ClickHouseOptions): Rebuildable<WarehouseOperation> {
  const client = connectClickHouse(url, { timeoutMs })
  const { warehouseDatabase: database } = laneNames(lane)
  const current = `${database}.orders_by_version`
  const fresh = `${current}_fresh`
  const old = `${current}_old`
  const changes = `${database}.order_changes`
  const open = async (relation: string): Promise<NamedStore> => {
    const shape = { kind: 'clickhouse', key: 'id', projection: 'warehouse', revisionField: 'revision' } as const
    const { projections } = await readSpecification(ordersSpecificationPath)
    const store = await openForReading(url, { ...shape, relation }, projections['warehouse'] ?? {}, { timeoutMs })
    return { name: relation, store }
  }
  const run = async (...statements: readonly string[]): Promise<void> => {
    for (const query of statements) await client.command({ query })
  }
  const release = (): Promise<void> =>
    pRetry(() => run(`ALTER TABLE ${changes} RESET SETTING table_readonly`), { retries: 5, minTimeout: 100 })
  const closeFill = [
    `DROP VIEW IF EXISTS ${database}.orders_from_fill`,
    `DROP TABLE IF EXISTS ${database}.${fillTable}`,
  ] as const
  const removeOld = (): Promise<void> =>
    run(`DROP VIEW IF EXISTS ${database}.${oldView}`, `DROP TABLE IF EXISTS ${old}`)

  return {
    name: 'clickhouse',
    operationsPerWriteMax: 10_000,
    prepare: async () => {
      const select = await definitionOf(client, database)
      await release()
      await run(...closeFill, `DROP TABLE IF EXISTS ${fresh}`)
      await removeOld()
      await run(
        `CREATE TABLE ${fresh} AS ${current}`,
        `CREATE TABLE ${database}.${fillTable} AS ${changes} ENGINE = Null`,
        `CREATE MATERIALIZED VIEW ${database}.orders_from_fill TO ${fresh} AS ${select.replace(changes, `${database}.${fillTable}`)}`,
      )
      return {
        current,
        fresh,
        project,
        store: { ...createWarehouseStore(client, { database, table: fillTable }), close: () => Promise.resolve() },
        hold: () => run(`ALTER TABLE ${changes} MODIFY SETTING table_readonly = 1`),
        release,
        switch: async () => {
          await run(`EXCHANGE TABLES ${current} AND ${fresh}`)
          await release()
          await run(
            ...closeFill,
            `RENAME TABLE ${fresh} TO ${old}`,
            `CREATE VIEW ${database}.${oldView} AS SELECT * EXCEPT deleted FROM ${old} FINAL WHERE deleted = 0`,
          )
        },
        // After a switch whose answer got lost, `fresh` is the name of the old generation.
        discard: async () => {
          await release()
          await run(...closeFill, `DROP TABLE IF EXISTS ${fresh}`)
        },
        removeOld,
      }
    },
    openKept: async () => {
      const relation = `${database}.${oldView}`
      const answer = await client.query({ query: `EXISTS VIEW ${relation}`, format: 'JSONEachRow' })
      const [row] = await answer.json<{ readonly result: number }>()
      if (row?.result !== 1) return undefined
      return { old: await open(relation), current: await open(`${database}.orders`) }
    },
    close: () => client.close(),
  }
}

/** How the live view computes the orders from the changes. */
async function definitionOf(client: ClickHouse, database: string): Promise<string> {
  const answer = await client.query({
    query: `SELECT as_select FROM system.tables WHERE database = {database: String} AND name = 'orders_from_changes'`,
    query_params: { database },
    format: 'JSONEachRow',
  })
  const [row] = await answer.json<{ readonly as_select: string }>()
  if (row === undefined) {
    throw new RebuildError(`There is no view ${database}.orders_from_changes; run infra/clickhouse/set-up.ts`)
  }
  if (row.as_select.split(`${database}.order_changes`).length !== 2) {
    throw new RebuildError(`The view ${database}.orders_from_changes no longer reads order_changes once: rewrite this`)
  }
  return row.as_select
}
