/** The tables that can be published, and what a row of each becomes in the log. */
import { laneNames } from '@driftlab/order'

export const relayedTables = ['outbox', 'order_changes'] as const
export type RelayedTable = (typeof relayedTables)[number]

/** A row as it is to be published, and where it stands in its table. */
export interface Row {
  /** Its number; text, since a bigint. */
  readonly seq: string
  /** The transaction that wrote it. */
  readonly xid: string
  /** The same however often the row is published. */
  readonly id: string
  /** The order's id. */
  readonly key: string
  readonly value: string
}

export interface Table {
  /** Qualified and quoted. */
  readonly name: string
  /** A select list that gives a `Row`. */
  readonly columns: string
  /** Where readers that keep a position keep it. */
  readonly positions: string
}

export function tableOf(lane: string, table: RelayedTable): Table {
  const { schema } = laneNames(lane)
  return {
    name: `"${schema}".${table}`,
    columns: `seq::text, xid::text, ${published[table]}`,
    positions: `"${schema}".relay_positions`,
  }
}

const published: Readonly<Record<RelayedTable, string>> = {
  outbox: 'id::text, aggregateid as key, payload::text as value',
  order_changes: `seq::text as id, coalesce(after, before)->>'id' as key,
    jsonb_build_object('operation', operation, 'recordedAt', recorded_at, 'before', before, 'after', after)::text as value`,
}
