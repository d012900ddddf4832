/**
 * The OpenAPI document, made from the schemas that the routes validate with. A test holds every kind of answer against it.
 */
import { OpenAPIRegistry, OpenApiGeneratorV31, type ResponseConfig } from '@asteasolutions/zod-to-openapi'
import { z } from 'zod'
import {
  cachedOrderSchema,
  everywhereSchema,
  historyPageSchema,
  problemSchema,
  revenuePageSchema,
  searchPageSchema,
  stateSchema,
  trailPageSchema,
  type LogQuestionSchemas,
  type QuestionSchemas,
} from './schemas.ts'

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>

const answer = (description: string, schema: z.ZodType): ResponseConfig => ({
  description,
  content: { 'application/json': { schema } },
})

const problem = (description: string): ResponseConfig => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
})

const badQuestion = { 400: problem('A bad parameter or cursor; `errors` names it') }
const fault = { 500: problem('A fault on our side') }
const failures = {
  ...fault,
  503: problem('The store does not answer; `store` names it, and Retry-After says when to try again'),
}
const params = z.object({ id: z.string().openapi({ description: "The order's id, a UUID" }) })

/** @param logQuestions where a lane has its truth in a log. */
export function openApiDocument(questions: QuestionSchemas, logQuestions?: LogQuestionSchemas): OpenApiDocument {
  const registry = new OpenAPIRegistry()
  registry.registerPath({
    method: 'get',
    path: '/cache/orders/{id}',
    summary: 'An order from the cache (Redis)',
    request: { params, query: questions.order },
    responses: {
      200: answer('The order', cachedOrderSchema),
      ...badQuestion,
      404: problem('The cache holds no such order, or it was deleted'),
      ...failures,
      502: problem('What the cache holds is no JSON object'),
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/search',
    summary: 'Orders by what is in them, the newest first (Elasticsearch)',
    description:
      'Deleted orders are hidden. A search sees what was written before the last refresh, about a second ago.',
    request: { query: questions.search },
    responses: {
      200: answer('A page', searchPageSchema),
      ...badQuestion,
      404: problem('The lane is not switched on'),
      ...failures,
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/warehouse/revenue',
    summary: 'What orders add up to (ClickHouse)',
    description:
      'By the day on which orders were placed, by their status, or by sku; each currency for itself. Cancelled orders earn ' +
      'nothing and are left out; only `by=status` shows them, under their own.',
    request: { query: questions.revenue },
    responses: {
      200: answer('A page, in the order of group and currency', revenuePageSchema),
      ...badQuestion,
      404: problem('The lane is not switched on'),
      ...failures,
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/warehouse/orders/{id}/history',
    summary: 'Every change of an order, in the order of the log (ClickHouse)',
    request: { params, query: questions.history },
    responses: {
      200: answer('A page', historyPageSchema),
      ...badQuestion,
      404: problem('The warehouse has no change of it, or the lane keeps none'),
      ...failures,
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/orders/{id}/everywhere',
    summary: 'The same order in every store of a lane, side by side',
    description:
      'With the fields in which each store differs from the system of record. One look: a difference may be a change that ' +
      'is on its way. A store that is down is shown as down.',
    request: { params, query: questions.order },
    responses: {
      200: answer('What each store has', everywhereSchema),
      ...badQuestion,
      404: problem('Every store answers, and none has ever heard of it'),
      ...fault,
      ...(logQuestions === undefined ? {} : { 502: problem('Of a lane whose truth is a log: the log is not whole') }),
    },
  })
  if (logQuestions !== undefined) registerLogRoutes(registry, logQuestions)
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Driftlab queries',
      version: '1.0.0',
      description: 'The read side: each derived store of each lane. Errors are RFC 9457 problems.',
    },
  })
}

function registerLogRoutes(registry: OpenAPIRegistry, questions: LogQuestionSchemas): void {
  const responses = {
    ...badQuestion,
    404: problem('The log knows of no such order, or the lane is not switched on'),
    ...failures,
    502: problem('The log is not whole, so nobody can say'),
  }
  registry.registerPath({
    method: 'get',
    path: '/log/orders/{id}/state',
    summary: 'An order as it is by the log, or as it was at a moment',
    request: { params, query: questions.state },
    responses: { 200: answer('What the events up to then add up to', stateSchema), ...responses },
  })
  registry.registerPath({
    method: 'get',
    path: '/log/orders/{id}/trail',
    summary: 'Every event that led to an order: who, when, why',
    request: { params, query: questions.trail },
    responses: { 200: answer('A page, in the order in which it happened', trailPageSchema), ...responses },
  })
}
