/**
 * The HTTP application: which path goes to which handler, and what every answer has in common. It holds no state and opens
 * no connection, so a test makes one in a line. There is nothing but GET: it only reads.
 */
import { answerWithProblem, createApplication, notAllowed, unknownRoute } from '@driftlab/http-api'
import { operationsRouter, type Logger, type Metrics, type Readiness } from '@driftlab/service'
import type { Express, RequestHandler } from 'express'
import { sourceOf } from './lanes.ts'
import { queriesMetrics } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import { toProblem } from './problem.ts'
import { cacheRoutes } from './routes/cache.ts'
import { everywhereRoutes } from './routes/everywhere.ts'
import { logRoutes } from './routes/log.ts'
import { searchRoutes } from './routes/search.ts'
import { warehouseRoutes } from './routes/warehouse.ts'
import { logQuestionSchemas, questionSchemas } from './schemas.ts'
import type { OpenStores } from './stores.ts'
import { StoreUnavailable } from './stores/failure.ts'

export interface AppParts {
  readonly stores: Pick<OpenStores, 'lanes' | 'cache' | 'search' | 'warehouse' | 'eventLog'>
  readonly readiness: () => Promise<Readiness>
  readonly metrics: Metrics
  readonly logger: Logger
  /** In ms since 1970. */
  readonly now: () => number
}

export function createApp({ stores, readiness, metrics, logger, now }: AppParts): Express {
  const app = createApplication()
  const { observe, countUnavailable } = queriesMetrics(metrics.registry)
  const [first, ...others] = stores.lanes.keys()
  if (first === undefined) throw new TypeError('There has to be a lane')
  const questions = questionSchemas([first, ...others])
  const [firstLog, ...otherLogs] = [...stores.lanes.values()].flatMap(({ lane }) =>
    sourceOf(lane) === 'log' ? [lane.name] : [],
  )
  const logQuestions = firstLog === undefined ? undefined : logQuestionSchemas([firstLog, ...otherLogs])
  const document = openApiDocument(questions, logQuestions)

  const get = (path: string, handler: RequestHandler): void => {
    app.route(path).get(handler).all(notAllowed('GET, HEAD'))
  }
  app.use(observe)
  const parts = { questions, stores, now }
  get('/cache/orders/:id', cacheRoutes(parts).order)
  get('/search', searchRoutes(parts).search)
  get('/warehouse/revenue', warehouseRoutes(parts).revenue)
  get('/warehouse/orders/:id/history', warehouseRoutes(parts).history)
  get('/orders/:id/everywhere', everywhereRoutes({ ...parts, onUnavailable: countUnavailable }).everywhere)
  if (logQuestions !== undefined && stores.eventLog !== undefined) {
    const routes = logRoutes({ ...parts, questions: logQuestions, eventLog: stores.eventLog })
    get('/log/orders/:id/state', routes.state)
    get('/log/orders/:id/trail', routes.trail)
  }
  get('/openapi.json', (_request, response) => {
    response.json(document)
  })
  app.use(operationsRouter({ metrics, readiness }))
  app.all(['/live', '/ready', '/metrics'], notAllowed('GET, HEAD'))

  app.use(unknownRoute)
  app.use(
    answerWithProblem(logger, (error) => {
      if (error instanceof StoreUnavailable) countUnavailable(error.store)
      return toProblem(error)
    }),
  )
  return app
}
