/**
 * Makes and removes the warehouse of one lane: its database, tables and views. Used by the set-up job for the real
 * lanes and by tests for lanes of their own. Idempotent; existing tables are left as they are.
 */
import { readFile } from 'node:fs/promises'
import { laneNames } from '@driftlab/order'
import { onCluster, readStatements, type SqlValue } from './sql-template.ts'

/** The part of `@clickhouse/client` that running statements takes. */
export interface StatementRunner {
  command(parameters: { query: string }): Promise<unknown>
}

export const laneKinds = ['cdc', 'dual-write'] as const
export type LaneKind = (typeof laneKinds)[number]

/** Runs the statements of a file of this folder, one after another. */
export async function runFile(
  client: StatementRunner,
  file: string,
  values: Readonly<Record<string, SqlValue>>,
  cluster?: string,
): Promise<void> {
  const sql = await readFile(new URL(file, import.meta.url), 'utf8')
  for (const statement of readStatements(sql, values)) {
    await client.command({ query: cluster === undefined ? statement : onCluster(statement, cluster) })
  }
}

/**
 * Needs an administrator's client.
 *
 * @param lane its name, for instance `cdc` or, in a test, `t-1f3a`.
 * @param cluster of more than one server, on which the tables are then replicated.
 */
export async function setUpLane(
  client: StatementRunner,
  lane: string,
  kind: LaneKind,
  cluster?: string,
): Promise<void> {
  await runFile(client, `lane-${kind}.sql`, { database: { name: laneNames(lane).warehouseDatabase } }, cluster)
}

/** Removes the lane's database with everything in it. */
export async function dropLane(client: StatementRunner, lane: string): Promise<void> {
  for (const query of readStatements('DROP DATABASE IF EXISTS ${database} SYNC', {
    database: { name: laneNames(lane).warehouseDatabase },
  })) {
    await client.command({ query })
  }
}
