/**
 * The API's shapes: what a request may say and what an answer says. Validation, types and the OpenAPI document all
 * come from these, so they cannot disagree.
 *
 * Whatever passes here fits the table's constraints and every store: text without NUL (PostgreSQL refuses it) and
 * without lone surrogates (UTF-8 has no form for them), whole numbers that a double holds exactly.
 */
import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi'
import { problemFields } from '@driftlab/http-api'
import { orderStatuses, totalCentsOf } from '@driftlab/order'
import { z } from 'zod'
import { derivedStores } from './derived-stores/derived-store.ts'

extendZodWithOpenApi(z)

/** 100 kB. Checked on the bytes of the body after any decompression. */
export const bodyBytesMax = 102_400

const text = (lengthMin: number, lengthMax: number) =>
  z
    .string()
    .min(lengthMin)
    .max(lengthMax)
    .refine((value) => !value.includes('\0'), 'must not contain the NUL character')
    .refine((value) => value.isWellFormed(), 'must not contain half of a surrogate pair')

const itemSchema = z
  .strictObject({
    sku: text(1, 64),
    description: text(0, 1_000),
    quantity: z.int().min(1).max(1_000_000),
    unitPriceCents: z.int().min(0).max(100_000_000_000),
  })
  .openapi('OrderItem')

const itemsSchema = z
  .array(itemSchema)
  .min(1)
  .max(100)
  .refine((items) => totalCentsOf(items) !== undefined, {
    error: `the total must not exceed ${Number.MAX_SAFE_INTEGER} cents`,
    // The total of items that are wrong themselves means nothing.
    when: ({ issues }) => issues.length === 0,
  })

const customerName = text(1, 200)
const note = text(0, 50_000)

export const newOrderSchema = z
  .strictObject({
    customerId: text(1, 64),
    customerName,
    items: itemsSchema,
    note: note.default(''),
    currency: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters, as in ISO 4217'),
  })
  .openapi('NewOrder')
export type NewOrder = z.output<typeof newOrderSchema>

export const orderPatchSchema = z
  .strictObject({
    customerName: customerName.optional(),
    items: itemsSchema.optional(),
    note: note.optional(),
    status: z.enum(orderStatuses).optional(),
  })
  .refine((patch) => Object.keys(patch).length > 0, 'must name at least one field to change')
  .openapi('OrderPatch', { minProperties: 1 })

export const orderSchema = z
  .strictObject({
    id: z.uuid(),
    customerId: z.string(),
    customerName: z.string(),
    items: z.array(itemSchema).min(1),
    status: z.enum(orderStatuses),
    note: z.string(),
    totalCents: z.int().min(0),
    currency: z.string(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    revision: z.int().min(1),
  })
  .openapi('Order')

export const pageQuerySchema = z.strictObject({
  cursor: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})

export const orderPageSchema = z
  .strictObject({ orders: z.array(orderSchema), nextCursor: z.string().nullable() })
  .openapi('OrderPage')

/** Printable ASCII, so that it means the same in every header encoding. */
export const idempotencyKeySchema = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters without spaces')

/** Headers: who asks for a write, and why, in printable ASCII. */
export const causeSchema = z.strictObject({
  actor: z
    .string()
    .regex(/^[\x21-\x7e]{1,64}$/, 'must be 1 to 64 printable ASCII characters without spaces')
    .optional(),
  reason: z
    .string()
    .regex(/^[\x20-\x7e]{1,200}$/, 'must be 1 to 200 printable ASCII characters')
    .optional(),
})

export const undecidedSchema = z
  .strictObject({ commandId: z.uuid(), orderId: z.uuid(), status: z.literal('undecided') })
  .openapi('Undecided')

/** What became of a command that was not decided in time. */
export const commandSchema = z
  .discriminatedUnion('status', [
    undecidedSchema,
    z.strictObject({ commandId: z.uuid(), orderId: z.uuid(), status: z.literal('accepted'), order: orderSchema }),
    z.strictObject({ commandId: z.uuid(), orderId: z.uuid(), status: z.literal('refused'), detail: z.string() }),
  ])
  .openapi('Command')

export const stockReceiptSchema = z.strictObject({ quantity: z.int().min(1).max(1_000_000) }).openapi('StockReceipt')

export const stockSchema = z
  .strictObject({ sku: z.string(), receivedUnits: z.int(), reservedUnits: z.int(), availableUnits: z.int() })
  .openapi('Stock')

const storeWriteSchema = z.strictObject({
  store: z.enum(['postgresql', ...derivedStores]),
  beganMs: z.number().openapi({ description: 'Milliseconds since 1970, with fractions' }),
  endedMs: z.number().nullable().openapi({ description: 'Null while there is no answer' }),
  outcome: z.enum(['pending', 'acknowledged', 'failed']),
  error: z.string().nullable(),
})

/** The newest writes of one order, oldest first, each with the stores in the order in which it reached them. */
export const recordedWritesSchema = z
  .strictObject({
    orderId: z.uuid(),
    recordedSinceMs: z.number().openapi({ description: 'Of older writes this process knows nothing' }),
    writes: z.array(
      z.strictObject({
        id: z.string(),
        operation: z.enum(['create', 'update', 'remove']),
        revision: z.int().min(1).nullable(),
        stores: z.array(storeWriteSchema),
      }),
    ),
  })
  .openapi('RecordedWrites')

export const problemSchema = z
  .strictObject({
    ...problemFields,
    failedStore: z.string().optional().openapi({ description: 'With partial-write: the store that failed' }),
    writtenStores: z
      .array(z.string())
      .optional()
      .openapi({ description: 'With partial-write: the stores that hold the write already, and keep it' }),
  })
  .openapi('Problem')
