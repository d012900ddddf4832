/**
 * The HTTP application: which path and method goes to which handler, and what every answer has in common. It holds no
 * state and opens no connection, so a test makes one in a line.
 */
import { answerWithProblem, createApplication, notAllowed, unknownRoute } from '@driftlab/http-api'
import { operationsRouter, type Logger, type Metrics, type Readiness } from '@driftlab/service'
import type { Express } from 'express'
import { jsonBody } from './body.ts'
import { ordersMetrics } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import { toProblem } from './problem.ts'
import type { LogQuestions } from './event-sourcing/log-orders.ts'
import type { Orders } from './orders.ts'
import { logQuestionRoutes } from './routes/log-questions.ts'
import { orderRoutes } from './routes/orders.ts'
import { recordedWritesRoute, type RecordedWrites } from './routes/recorded-writes.ts'
import { PartialWrite } from './strategies/strategy.ts'

export interface AppParts {
  readonly orders: Orders
  /** Only of a lane that is a log: what can be asked of its commands and its stock. */
  readonly log?: LogQuestions | undefined
  /** Only of a lane whose service writes every store itself: how the newest writes went. */
  readonly writes?: RecordedWrites | undefined
  readonly readiness: () => Promise<Readiness>
  readonly metrics: Metrics
  readonly logger: Logger
}

export function createApp({ orders, log, writes, readiness, metrics, logger }: AppParts): Express {
  const app = createApplication()
  const { observe, countPartialWrite } = ordersMetrics(metrics.registry)
  const routes = orderRoutes(orders)
  const document = openApiDocument({ isLog: log !== undefined, recordsWrites: writes !== undefined })

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
  if (writes !== undefined) {
    app.route('/orders/:id/writes').get(recordedWritesRoute(writes)).all(notAllowed('GET, HEAD'))
  }
  app
    .route('/openapi.json')
    .get((_request, response) => {
      response.json(document)
    })
    .all(notAllowed('GET, HEAD'))
  app.use(operationsRouter({ metrics, readiness }))
  app.all(['/live', '/ready', '/metrics'], notAllowed('GET, HEAD'))

  app.use(unknownRoute)
  app.use(
    answerWithProblem(logger, (error) => {
      if (error instanceof PartialWrite) countPartialWrite(error.store)
      return toProblem(error)
    }),
  )
  return app
}
