/**
 * The shape of an order in each place that holds one, and the pure functions between them. The dual-write strategy
 * and the sinks both call these, so that the lanes can differ only in how a write travels, never in what it says.
 *
 * It owns no rule of the business (lifecycle.ts does) and does no I/O.
 */
import { z } from 'zod'

export const orderStatuses = ['placed', 'paid', 'shipped', 'delivered', 'cancelled'] as const
export type OrderStatus = (typeof orderStatuses)[number]

export interface OrderItem {
  readonly sku: string
  readonly description: string
  readonly quantity: number
  readonly unitPriceCents: number
}

/** An order as the API answers it and as Redis and Elasticsearch hold it. Times are RFC 3339 in UTC, milliseconds. */
export interface OrderDocument {
  readonly id: string
  readonly customerId: string
  readonly customerName: string
  readonly items: readonly OrderItem[]
  readonly status: OrderStatus
  readonly note: string
  readonly totalCents: number
  readonly currency: string
  readonly createdAt: string
  readonly updatedAt: string
  readonly revision: number
}

const idPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** An id in the form in which every store has it, or undefined when it can be no order's. */
export function parseOrderId(text: string): string | undefined {
  const id = text.toLowerCase()
  return idPattern.test(id) ? id : undefined
}

export const orderItemSchema = z.object({
  sku: z.string(),
  description: z.string(),
  quantity: z.number().int(),
  unitPriceCents: z.number().int(),
})

export const orderDocumentSchema = z.object({
  id: z.uuid(),
  customerId: z.string(),
  customerName: z.string(),
  items: z.array(orderItemSchema),
  status: z.enum(orderStatuses),
  note: z.string(),
  totalCents: z.number().int(),
  currency: z.string(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  revision: z.number().int(),
}) satisfies z.ZodType<OrderDocument>

/** Text that is not JSON stays text, for the schema to refuse by name. */
function parseIfText(items: unknown): unknown {
  if (typeof items !== 'string') return items
  try {
    return JSON.parse(items) as unknown
  } catch {
    return items
  }
}

const mariadbTime = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?$/

/** MariaDB's times have no zone, and ours are UTC; JavaScript would take them for local. */
function inUtc(time: unknown): unknown {
  return typeof time === 'string' && mariadbTime.test(time) ? `${time.replace(' ', 'T')}Z` : time
}

const time = z.preprocess(inUtc, z.coerce.date())

/**
 * A row of the `orders` table with its column names, as node-postgres or a change event delivers it: `items` may be
 * parsed JSON or its text (Debezium sends jsonb as text), times may be a Date, text, or milliseconds since 1970, whole
 * numbers may be strings (node-postgres sends bigint as text). Whole numbers are safe integers; the table's checks see
 * to that.
 */
export const orderRowSchema = z.object({
  id: z.uuid(),
  customer_id: z.string(),
  customer_name: z.string(),
  items: z.preprocess(parseIfText, z.array(orderItemSchema)),
  status: z.enum(orderStatuses),
  note: z.string(),
  total_cents: z.coerce.number().int(),
  currency: z.string(),
  created_at: time,
  updated_at: time,
  revision: z.coerce.number().int(),
})
export type OrderRow = z.output<typeof orderRowSchema>

/** @throws {z.ZodError} when the row is not an order's. */
export function parseOrderRow(row: unknown): OrderRow {
  return orderRowSchema.parse(row)
}

export function toDocument(row: OrderRow): OrderDocument {
  return {
    id: row.id,
    customerId: row.customer_id,
    customerName: row.customer_name,
    items: row.items,
    status: row.status,
    note: row.note,
    totalCents: row.total_cents,
    currency: row.currency,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    revision: row.revision,
  }
}

/** The row that `toDocument` made a document of. */
export function toRow(document: OrderDocument): OrderRow {
  return {
    id: document.id,
    customer_id: document.customerId,
    customer_name: document.customerName,
    items: [...document.items],
    status: document.status,
    note: document.note,
    total_cents: document.totalCents,
    currency: document.currency,
    created_at: new Date(document.createdAt),
    updated_at: new Date(document.updatedAt),
    revision: document.revision,
  }
}

/** An order as a row of the warehouse: snake_case columns, items as an array of named tuples. */
export interface WarehouseOrder {
  readonly id: string
  readonly customer_id: string
  readonly customer_name: string
  readonly items: readonly { sku: string; description: string; quantity: number; unit_price_cents: number }[]
  readonly status: OrderStatus
  readonly note: string
  readonly total_cents: number
  readonly currency: string
  readonly created_at: string
  readonly updated_at: string
  readonly revision: number
}

export function toWarehouseOrder(row: OrderRow): WarehouseOrder {
  const document = toDocument(row)
  return {
    id: document.id,
    customer_id: document.customerId,
    customer_name: document.customerName,
    items: document.items.map(({ sku, description, quantity, unitPriceCents }) => ({
      sku,
      description,
      quantity,
      unit_price_cents: unitPriceCents,
    })),
    status: document.status,
    note: document.note,
    total_cents: document.totalCents,
    currency: document.currency,
    created_at: document.createdAt,
    updated_at: document.updatedAt,
    revision: document.revision,
  }
}

/** Where a lane keeps its orders in each store. These names are an interface: people query the stores by hand. */
export interface LaneNames {
  readonly schema: string
  readonly table: string
  readonly topic: string
  readonly redisKey: (id: string) => string
  readonly index: string
  readonly warehouseDatabase: string
}

export function laneNames(lane: string): LaneNames {
  const schema = lane.replaceAll('-', '_')
  return {
    schema,
    table: `${schema}.orders`,
    topic: `driftlab.${schema}.orders`,
    redisKey: (id) => `${lane}:order:${id}`,
    index: `${lane}-orders`,
    warehouseDatabase: schema,
  }
}

/** What happens to an order, as its domain events say it, and what each of them does to its row. */
export const orderEvents = { OrderPlaced: 'insert', OrderChanged: 'update', OrderRemoved: 'delete' } as const
export type OrderEvent = keyof typeof orderEvents

/** How a lane's orders stand in the records of its topic, in whichever of the formats those are. */
export function orderRecords(lane: string) {
  return {
    debezium: { format: 'debezium', table: { schema: laneNames(lane).schema, name: 'orders' } },
    'domain-event': { format: 'domain-event', keyColumn: 'id', rowField: 'order', kinds: orderEvents },
    maxwell: { format: 'maxwell', table: { schema: laneNames(lane).schema, name: 'orders' } },
    'row-change': { format: 'row-change', keyColumn: 'id' },
  } as const
}
