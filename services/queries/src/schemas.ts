/**
 * The API's shapes: what a question may say and what an answer says. Validation, types and the OpenAPI document all come
 * from these, so they cannot disagree.
 *
 * Everything that a client may choose is bounded here: which lane, how long a text, how many at once.
 */
import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi'
import { problemFields } from '@driftlab/http-api'
import { orderDocumentSchema, orderStatuses } from '@driftlab/order'
import { z } from 'zod'
import { revenueGroups } from './stores/clickhouse.ts'
import { storeNames } from './stores/failure.ts'

extendZodWithOpenApi(z)

const textSchema = z
  .string()
  .min(1)
  .max(200)
  .refine((value) => !value.includes('\0'), 'must not contain the NUL character')
  .refine((value) => value.isWellFormed(), 'must not contain half of a surrogate pair')

const timeSchema = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: 'must be a time such as 2026-11-27T08:30:00Z, or a day',
  })
  .openapi({ description: 'RFC 3339, or a day in UTC' })

const page = {
  cursor: z.string().max(1_000).optional().openapi({ description: '`nextCursor` of the page before' }),
  limit: z.coerce.number().int().min(1).max(50).default(20),
}

/** What may be asked, where the lanes are these. */
export function questionSchemas(lanes: readonly [string, ...string[]]) {
  const lane = z
    .enum(lanes, { error: `must be one of ${lanes.join(', ')}` })
    .default(lanes[0])
    .openapi({ description: 'Whose stores are asked' })
  return {
    order: z.strictObject({ lane }),
    search: z
      .strictObject({
        lane,
        q: textSchema.optional().openapi({
          description: 'Words that all stand in one field: id, customerId, customerName, sku, description or note',
        }),
        status: z.enum(orderStatuses).optional(),
        from: timeSchema.optional().openapi({ description: 'Placed then or later' }),
        to: timeSchema.optional().openapi({ description: 'Placed before that' }),
        ...page,
      })
      .refine(({ from, to }) => from === undefined || to === undefined || Date.parse(from) < Date.parse(to), {
        error: 'must be later than from',
        path: ['to'],
      }),
    revenue: z.strictObject({ lane, by: z.enum(revenueGroups).default('day'), ...page }),
    history: z.strictObject({ lane, ...page }),
  }
}
export type QuestionSchemas = ReturnType<typeof questionSchemas>

/** Of the lanes whose truth is a log. */
export function logQuestionSchemas(lanes: readonly [string, ...string[]]) {
  const lane = z.enum(lanes, { error: `must be one of ${lanes.join(', ')}` }).default(lanes[0])
  return {
    state: z
      .strictObject({
        lane,
        offset: z.coerce
          .number()
          .int()
          .min(0)
          .optional()
          .openapi({ description: "As of that place of the order's partition" }),
        time: z.iso.datetime({ offset: true }).optional().openapi({ description: 'As of that time, RFC 3339' }),
      })
      .refine(({ offset, time }) => offset === undefined || time === undefined, {
        error: 'must be left out where there is an offset',
        path: ['time'],
      }),
    trail: z.strictObject({ lane, ...page }),
  }
}
export type LogQuestionSchemas = ReturnType<typeof logQuestionSchemas>

export const asOfSchema = z
  .strictObject({
    version: z.int().nullable().openapi({ description: 'Of the order; a list has none' }),
    versionOf: z.enum(['log', 'revision']).openapi({
      description:
        "What `version` counts: `log`, the change's place in the log; `revision`, the order's own, where no log gives one",
    }),
    at: z.iso.datetime().nullable().openapi({ description: 'When the newest change that is shown was made' }),
    ageMs: z.number().min(0).nullable(),
  })
  .openapi('AsOf')

// A schema of our own: one that was made before zod was extended cannot be named.
export const orderSchema = z.object({ ...orderDocumentSchema.shape }).openapi('Order')

/** What a store holds is shown as it is: to hide what is wrong would defeat the purpose. */
export const storedOrderSchema = z.union([orderSchema, z.record(z.string(), z.unknown())]).openapi('StoredOrder', {
  description: 'The order as the store holds it; some other object when what it holds is wrong',
})

export const cachedOrderSchema = z.strictObject({ order: storedOrderSchema, asOf: asOfSchema }).openapi('CachedOrder')

const nextCursor = z.string().nullable().openapi({ description: 'Null on the last page' })

export const searchPageSchema = z
  .strictObject({
    hits: z.array(z.strictObject({ order: storedOrderSchema, asOf: asOfSchema })),
    nextCursor,
    asOf: asOfSchema,
  })
  .openapi('SearchPage')

export const revenuePageSchema = z
  .strictObject({
    by: z.enum(revenueGroups),
    rows: z.array(
      z.strictObject({
        group: z.string().openapi({ description: 'The day in UTC on which orders were placed, a status, or a sku' }),
        currency: z.string(),
        orders: z.int().min(0),
        revenueCents: z
          .string()
          .regex(/^-?\d+$/)
          .openapi({ description: 'A whole number in digits: it may exceed what JSON numbers hold exactly' }),
      }),
    ),
    nextCursor,
    asOf: asOfSchema,
  })
  .openapi('RevenuePage')

export const historyPageSchema = z
  .strictObject({
    changes: z.array(
      z.strictObject({
        version: z.int(),
        operation: z.string(),
        committedAt: z.iso.datetime(),
        order: storedOrderSchema.openapi({ description: 'After the change; of a delete, what it removed' }),
      }),
    ),
    nextCursor,
    asOf: asOfSchema,
  })
  .openapi('HistoryPage')

const shownSchema = z
  .strictObject({
    state: z.enum(['present', 'absent', 'deleted', 'unreadable', 'down']).openapi({
      description: '`deleted` is only known of the system of record; a derived store that holds nothing is `absent`',
    }),
    asOf: z.union([asOfSchema, z.null()]),
    order: z.record(z.string(), z.unknown()).nullable().openapi({
      description: "What it holds, in the fields of Order whatever the store's own names are",
    }),
    divergence: z
      .enum(['missing', 'stale', 'phantom', 'resurrected', 'corrupt', 'parked'])
      .nullable()
      .openapi({ description: 'How it differs from the system of record at this one look' }),
    differs: z.array(z.string()).openapi({ description: 'The fields that do' }),
    reason: z.string().nullable(),
  })
  .openapi('StoreOfOrder')

export const everywhereSchema = z
  .strictObject({
    lane: z.string(),
    id: z.uuid(),
    consistent: z.boolean().nullable().openapi({ description: 'Null when a store is down and no other differs' }),
    source: z.enum(['postgresql', 'log']).openapi({ description: 'Which of the stores is the system of record' }),
    stores: z.strictObject({
      postgresql: shownSchema.optional(),
      log: shownSchema.optional(),
      redis: shownSchema,
      elasticsearch: shownSchema,
      clickhouse: shownSchema,
    }),
  })
  .openapi('Everywhere')

const placeSchema = z.strictObject({ topic: z.string(), partition: z.int(), offset: z.int() })

export const stateSchema = z
  .strictObject({
    id: z.uuid(),
    state: z.enum(['no-order', 'order', 'removed-order']),
    order: z
      .union([orderSchema, z.null()])
      .openapi({ description: 'As it was then; of a removed one, as it was last' }),
    last: z
      .strictObject({ place: placeSchema, sequence: z.int(), at: z.iso.datetime() })
      .nullable()
      .openapi({ description: 'The last event that is part of it; null before the first' }),
    laterEvents: z.int().min(0),
    asOf: asOfSchema,
  })
  .openapi('StateOfOrder')

export const trailPageSchema = z
  .strictObject({
    events: z.array(
      z.strictObject({
        place: placeSchema,
        event: z
          .looseObject({
            type: z.string(),
            sequence: z.int(),
            revision: z.int(),
            commandId: z.uuid(),
            actor: z.string(),
            reason: z.string().nullable(),
            at: z.iso.datetime(),
            previousHash: z.string(),
            hash: z.string(),
          })
          .openapi({ description: 'What happened, who asked for it and why; further fields depend on the type' }),
      }),
    ),
    nextCursor,
    asOf: asOfSchema,
  })
  .openapi('TrailPage')

export const problemSchema = z
  .strictObject({
    ...problemFields,
    store: z.enum(storeNames).optional().openapi({ description: 'With store-unavailable: the one' }),
  })
  .openapi('Problem')
