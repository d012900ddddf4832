/**
 * The orders of a lane in the warehouse: as they are, through the view that follows a rebuild by itself; how each came to
 * be so, where the lane keeps its changes; and what they add up to.
 *
 * Values of a client travel as query parameters, never in the text of a statement. The forms of numbers and times, and the
 * bounds of time and size, are settings of the user (infra/clickhouse/reader.sql), which a read-only user cannot change.
 */
import type { ClickHouse } from '@driftlab/stores'
import { hasLogVersions, type Lane } from '../lanes.ts'
import { LaneOff, StoreUnavailable } from './failure.ts'
import type { Found } from './redis.ts'

export const revenueGroups = ['day', 'status', 'sku'] as const
export type RevenueGroup = (typeof revenueGroups)[number]

/** Sums in two currencies cannot be added, so each has its own. */
export interface RevenueRow {
  readonly group: string
  readonly currency: string
  readonly orders: number
  /** A whole number in digits: a sum may exceed what JSON numbers hold exactly. */
  readonly revenueCents: string
}
export type RevenuePlace = readonly [group: string, currency: string]

export interface Change {
  readonly version: number
  readonly operation: string
  readonly committedAt: string
  /** The row after the change; of a delete, the row that it removed. */
  readonly fields: Readonly<Record<string, unknown>>
}

export interface History {
  readonly changes: readonly Change[]
  /** The last change that the warehouse has of the order; null when it has none. */
  readonly last: { readonly version: number; readonly committedAt: string } | null
}

export interface Warehouse {
  read(lane: Lane, id: string): Promise<Found>
  /** Orders that were cancelled earn nothing; only `status` shows them, under their own. */
  revenue(lane: Lane, by: RevenueGroup, after: RevenuePlace | undefined, limit: number): Promise<readonly RevenueRow[]>
  /** When the newest change of an order was made that the warehouse shows, RFC 3339; null when there is none. */
  newestChangeAt(lane: Lane): Promise<string | null>
  /** The changes behind a version, in their order. Of lanes that keep them: `keepsHistory`. */
  history(lane: Lane, id: string, after: number, limit: number): Promise<History>
  ping(): Promise<void>
}

/** Dual writes leave the last state of an order and nothing of how it came about. */
export function keepsHistory(lane: Lane): boolean {
  return hasLogVersions(lane)
}

/** Of the lane's orders: what is grouped, and what each row of it adds. */
const revenueSources: Readonly<Record<RevenueGroup, (orders: string) => string>> = {
  day: (orders) =>
    `SELECT id, currency, toString(toDate(created_at)) AS part, toInt256(total_cents) AS cents
     FROM ${orders} WHERE status != 'cancelled'`,
  status: (orders) =>
    `SELECT id, currency, toString(status) AS part, toInt256(total_cents) AS cents
     FROM ${orders}`,
  sku: (orders) =>
    `SELECT id, currency, item.sku AS part, toInt256(item.quantity) * item.unit_price_cents AS cents
     FROM (SELECT id, currency, arrayJoin(items) AS item FROM ${orders} WHERE status != 'cancelled')`,
}

export function openWarehouse(client: ClickHouse): Warehouse {
  const select = async <Row>(
    lane: string,
    query: string,
    parameters: Readonly<Record<string, unknown>> = {},
  ): Promise<readonly Row[]> =>
    classified(lane, async () => {
      const answer = await client.query({ query, format: 'JSONEachRow', query_params: { ...parameters } })
      return answer.json<Row>()
    })

  return {
    read: async ({ name, warehouseDatabase }, id) => {
      const [row, another] = await select<Record<string, unknown>>(
        name,
        `SELECT * FROM ${warehouseDatabase}.orders WHERE id = {id: String} LIMIT 2`,
        { id },
      )
      if (row === undefined) return { held: { state: 'absent' }, version: null }
      const version = versionIn(row['version'])
      if (another === undefined) return { held: { state: 'present', fields: row }, version }
      return { held: { state: 'unreadable', reason: 'more than one row has this id', excerpt: '' }, version }
    },

    revenue: async ({ name, warehouseDatabase }, by, after, limit) => {
      const rows = await select<RevenueRow>(
        name,
        `SELECT part AS group, currency, toUInt32(uniqExact(id)) AS orders, toString(sum(cents)) AS revenueCents
         FROM (${revenueSources[by](`${warehouseDatabase}.orders`)})
         ${after === undefined ? '' : 'WHERE (part, toString(currency)) > ({part: String}, {currency: String})'}
         GROUP BY part, currency ORDER BY part, toString(currency) LIMIT {limit: UInt32}`,
        after === undefined ? { limit } : { limit, part: after[0], currency: after[1] },
      )
      return rows.map(({ group, currency, orders, revenueCents }) => ({ group, currency, orders, revenueCents }))
    },

    newestChangeAt: async ({ name, warehouseDatabase }) => {
      const [row] = await select<{ readonly at: string | null }>(
        name,
        `SELECT maxOrNull(updated_at) AS at FROM ${warehouseDatabase}.orders`,
      )
      return row?.at ?? null
    },

    history: async ({ name, warehouseDatabase }, id, after, limit) => {
      const changes = `${warehouseDatabase}.order_changes`
      const [rows, [last]] = await Promise.all([
        select<Record<string, unknown>>(
          name,
          `SELECT * FROM ${changes} FINAL WHERE id = {id: String} AND version > {after: UInt64}
           ORDER BY version LIMIT {limit: UInt32}`,
          { id, after, limit },
        ),
        select<{ readonly version: unknown; readonly committed_at: string }>(
          name,
          `SELECT version, committed_at FROM ${changes} WHERE id = {id: String} ORDER BY version DESC LIMIT 1`,
          { id },
        ),
      ])
      return {
        changes: rows.map(({ version, operation, committed_at, ...fields }) => ({
          version: versionIn(version) ?? 0,
          operation: String(operation),
          committedAt: String(committed_at),
          fields,
        })),
        last: last === undefined ? null : { version: versionIn(last.version) ?? 0, committedAt: last.committed_at },
      }
    },

    ping: async () => {
      await select('', 'SELECT 1')
    },
  }
}

/** ClickHouse may quote its 64-bit numbers. */
function versionIn(value: unknown): number | null {
  const version = typeof value === 'string' ? Number(value) : value
  return Number.isSafeInteger(version) ? Number(version) : null
}

/** Not set up: UNKNOWN_TABLE, UNKNOWN_DATABASE. */
const missingCodes: ReadonlySet<number> = new Set([60, 81])
const passingCodes: ReadonlySet<number> = new Set([
  159, // TIMEOUT_EXCEEDED
  160, // TOO_SLOW
  202, // TOO_MANY_SIMULTANEOUS_QUERIES
  209, // SOCKET_TIMEOUT
  210, // NETWORK_ERROR
  236, // ABORTED: shutting down
  241, // MEMORY_LIMIT_EXCEEDED
  394, // QUERY_WAS_CANCELLED
  396, // TOO_MANY_ROWS_OR_BYTES
])

/** @throws {StoreUnavailable} without an answer, or when it took too long or too much; {LaneOff}; else what was thrown. */
async function classified<Answer>(lane: string, query: () => Promise<Answer>): Promise<Answer> {
  try {
    return await query()
  } catch (error) {
    if (!Error.isError(error) || error instanceof TypeError) throw error
    // Only an answer of the server has a number.
    const code = 'code' in error && /^\d+$/.test(String(error.code)) ? Number(error.code) : undefined
    if (code !== undefined && missingCodes.has(code)) throw new LaneOff(lane, error)
    throw code === undefined || passingCodes.has(code) ? new StoreUnavailable('clickhouse', error) : error
  }
}
