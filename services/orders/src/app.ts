/**
 * The HTTP application: which path and method goes to which handler, and what every answer has in common. It holds no
 * state and opens no connection, so a test makes one in a line.
 */
import { operationsRouter, type Logger, type Metrics, type Readiness } from '@driftlab/service'
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import { v4 as uuidV4 } from 'uuid'
import { jsonBody } from './body.ts'
import { ordersMetrics } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import { Problem, sendProblem, toProblem } from './problem.ts'
import type { LogQuestions } from './event-sourcing/log-orders.ts'
import type { Orders } from './orders.ts'
import { logQuestionRoutes } from './routes/log-questions.ts'
import { orderRoutes } from './routes/orders.ts'
import { PartialWrite } from './strategies/strategy.ts'

export interface AppParts {
  readonly orders: Orders
  /** Only of a lane that is a log: what can be asked of its commands and its stock. */
  readonly log?: LogQuestions | undefined
  readonly readiness: () => Promise<Readiness>
  readonly metrics: Metrics
  readonly logger: Logger
}

export function createApp({ orders, log, readiness, metrics, logger }: AppParts): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.enable('strict routing')
  app.enable('case sensitive routing')
  app.set('query parser', 'simple')

  const { observe, countPartialWrite } = ordersMetrics(metrics.registry)
  const routes = orderRoutes(orders)
  const document = openApiDocument({ isLog: log !== undefined })

  app.use(observe)
  app
    .route('/orders')
    .get(routes.list)
    .post(...jsonBody(['application/json']), routes.create)
    .all(notAllowed('GET, HEAD, POST'))
  app
    .route('/orders/:id')
    .get(routes.read)
    .patch(...jsonBody(['application/json', 'application/merge-patch+json']), routes.update)
    .delete(routes.remove)
    .all(notAllowed('GET, HEAD, PATCH, DELETE'))
  if (log !== undefined) {
    const logRoutes = logQuestionRoutes(log)
    app.route('/orders/:id/commands/:commandId').get(logRoutes.command).all(notAllowed('GET, HEAD'))
    app.route('/stock/:sku').get(logRoutes.stock).all(notAllowed('GET, HEAD'))
    app
      .route('/stock/:sku/receipts')
      .post(...jsonBody(['application/json']), logRoutes.receive)
      .all(notAllowed('POST'))
  }
  app
    .route('/openapi.json')
    .get((_request, response) => {
      response.json(document)
    })
    .all(notAllowed('GET, HEAD'))
  app.use(operationsRouter({ metrics, readiness }))
  app.all(['/live', '/ready', '/metrics'], notAllowed('GET, HEAD'))

  app.use(() => {
    throw new Problem('route-unknown', 'See /openapi.json for what there is.')
  })
  app.use(answerWithProblem(logger, countPartialWrite))
  return app
}

function notAllowed(allow: string): RequestHandler {
  return (request, response) => {
    response.set('Allow', allow)
    if (request.method !== 'OPTIONS') {
      throw new Problem('method-not-allowed', `This resource supports ${allow}.`)
    }
    response.status(204).end()
  }
}

/** The last handler: every error that a route throws becomes a problem here, and those that are not the client's are logged. */
function answerWithProblem(
  logger: Logger,
  countPartialWrite: (store: PartialWrite['store']) => void,
): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (error instanceof PartialWrite) countPartialWrite(error.store)
    const problem = toProblem(error)
    const requestId = uuidV4()
    if (problem.status >= 500) {
      logger.error(
        { err: problem.cause ?? problem, requestId, method: request.method, path: request.path, problem: problem.code },
        'request failed',
      )
    }
    // Half an answer is on its way: Express closes the connection, so that the client does not take it for a whole one.
    if (response.headersSent) {
      next(error)
      return
    }
    sendProblem(response, problem, requestId)
  }
}
