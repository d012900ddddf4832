/**
 * The OpenAPI document, made from the schemas that the routes validate with. A test holds every kind of answer
 * against it.
 */
import { OpenAPIRegistry, OpenApiGeneratorV31, type ResponseConfig } from '@asteasolutions/zod-to-openapi'
import { z } from 'zod'
import {
  commandSchema,
  idempotencyKeySchema,
  newOrderSchema,
  orderPageSchema,
  orderPatchSchema,
  orderSchema,
  pageQuerySchema,
  problemSchema,
  recordedWritesSchema,
  stockReceiptSchema,
  stockSchema,
  undecidedSchema,
} from './schemas.ts'

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>

const orderHeaders = z.object({ ETag: z.string().openapi({ description: 'The revision, for If-Match' }) })

const order = (description: string): ResponseConfig => ({
  description,
  headers: orderHeaders,
  content: { 'application/json': { schema: orderSchema } },
})

const problem = (description: string): ResponseConfig => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
})

const failures = {
  500: problem('A fault on our side'),
  503: problem('The database does not answer; Retry-After says when to try again'),
}
const writeFailures = {
  ...failures,
  502: problem('With dual writes: some stores have the write and others do not'),
}
const bodyFailures = {
  400: problem('Not JSON, or not as the schema says'),
  413: problem('The body is over 100 kB'),
  415: problem('The body is no JSON in UTF-8'),
  422: problem('The idempotency key was used for another request, or the database refuses a value'),
}
const missing = {
  404: problem('There never was such an order'),
  410: problem('The order was deleted'),
}
const moved = { 412: problem('The order is at another revision than If-Match says') }

const id = z.string().openapi({ description: "The order's id, a UUID" })
const ifMatch = z.string().optional().openapi({ description: 'Write only if the order still has this ETag' })

const undecided: ResponseConfig = {
  description: 'It was not decided in time, and may still be done or refused; Location says where to look',
  headers: z.object({ Location: z.string() }),
  content: { 'application/json': { schema: undecidedSchema } },
}
const sku = z.string().openapi({ description: 'Of limited goods: it begins with limited-' })
const stock: ResponseConfig = {
  description: 'What there is of it',
  content: { 'application/json': { schema: stockSchema } },
}

export interface ApiParts {
  /** The truth of the lane is a log, so that a write may be undecided for a while, and stock is limited. */
  readonly isLog: boolean
  /** The service writes every store itself, and remembers how. */
  readonly recordsWrites: boolean
}

export function openApiDocument({ isLog, recordsWrites }: ApiParts): OpenApiDocument {
  const registry = new OpenAPIRegistry()
  const perhapsUndecided = isLog ? { 202: undecided } : {}

  registry.registerPath({
    method: 'post',
    path: '/orders',
    summary: 'Place an order',
    request: {
      headers: z.object({
        'Idempotency-Key': idempotencyKeySchema
          .optional()
          .openapi({ description: 'Repeats with the same key and body get the first answer; kept for a day' }),
      }),
      body: { required: true, content: { 'application/json': { schema: newOrderSchema } } },
    },
    responses: {
      201: {
        ...order('The order as it was placed'),
        headers: orderHeaders.extend({ Location: z.string().openapi({ description: 'Where the order is' }) }),
      },
      ...bodyFailures,
      ...perhapsUndecided,
      409: problem('Another write got in the way, or there is not enough left of limited goods; nothing was written'),
      ...writeFailures,
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/orders',
    summary: 'List orders, about in the order they were placed',
    request: { query: pageQuerySchema },
    responses: {
      200: { description: 'A page', content: { 'application/json': { schema: orderPageSchema } } },
      400: problem('A bad cursor, limit or parameter'),
      ...failures,
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/orders/{id}',
    summary: 'Read an order from the system of record',
    request: { params: z.object({ id }) },
    responses: {
      200: order('The order'),
      304: { description: 'The order still has the ETag of If-None-Match' },
      400: problem('The id cannot be decoded'),
      ...missing,
      ...failures,
    },
  })
  registry.registerPath({
    method: 'patch',
    path: '/orders/{id}',
    summary: 'Move an order on, or change its name, note or items',
    description:
      'placed -> paid -> shipped -> delivered; placed or paid -> cancelled. Items change only while the order is placed.',
    request: {
      params: z.object({ id }),
      headers: z.object({ 'If-Match': ifMatch }),
      body: {
        required: true,
        content: {
          'application/json': { schema: orderPatchSchema },
          'application/merge-patch+json': { schema: orderPatchSchema },
        },
      },
    },
    responses: {
      200: order('The order as it is now'),
      ...perhapsUndecided,
      ...bodyFailures,
      ...missing,
      ...moved,
      409: problem('An illegal move, items that are locked, or another write in the way'),
      ...writeFailures,
    },
  })
  registry.registerPath({
    method: 'delete',
    path: '/orders/{id}',
    summary: 'Delete an order',
    request: { params: z.object({ id }), headers: z.object({ 'If-Match': ifMatch }) },
    responses: {
      204: { description: 'It is gone' },
      ...perhapsUndecided,
      400: problem('If-Match is not an ETag'),
      ...missing,
      ...moved,
      409: problem('Another write got in the way; nothing was written'),
      422: problem('The database refuses it'),
      ...writeFailures,
    },
  })

  if (isLog) registerLogQuestions(registry)
  if (recordsWrites) registerRecordedWrites(registry)

  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Driftlab orders',
      version: '1.0.0',
      description: 'Orders, written by the strategy that the process was started with. Errors are RFC 9457 problems.',
    },
  })
}

function registerRecordedWrites(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'get',
    path: '/orders/{id}/writes',
    summary: 'How the newest writes of an order reached the stores, as far as this process made them',
    request: { params: z.object({ id }) },
    responses: {
      200: { description: 'Perhaps none', content: { 'application/json': { schema: recordedWritesSchema } } },
      404: problem('This is no order id'),
    },
  })
}

function registerLogQuestions(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'get',
    path: '/orders/{id}/commands/{commandId}',
    summary: 'What became of a write that was answered with 202',
    request: { params: z.object({ id, commandId: z.string() }) },
    responses: {
      200: { description: 'It was decided', content: { 'application/json': { schema: commandSchema } } },
      404: problem('It was not decided yet, or long ago'),
      ...failures,
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/stock/{sku}',
    summary: 'What there is of limited goods',
    request: { params: z.object({ sku }) },
    responses: { 200: stock, 404: problem('Not limited'), ...failures },
  })
  registry.registerPath({
    method: 'post',
    path: '/stock/{sku}/receipts',
    summary: 'Receive units of limited goods',
    request: {
      params: z.object({ sku }),
      body: { required: true, content: { 'application/json': { schema: stockReceiptSchema } } },
    },
    responses: {
      200: stock,
      400: problem('Not JSON, or not as the schema says'),
      404: problem('Not limited'),
      413: problem('The body is over 100 kB'),
      415: problem('The body is no JSON in UTF-8'),
      ...failures,
    },
  })
}
