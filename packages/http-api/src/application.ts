/**
 * What every API does alike: how paths are matched, how a method that is not there is refused, how errors are answered,
 * how requests are timed.
 */
import type { Logger } from '@driftlab/service'
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import type { Histogram } from 'prom-client'
import { v4 as uuidV4 } from 'uuid'
import { commonProblem, sendProblem, type HttpProblem } from './problem.ts'

/** Takes each path as it is written, and says nothing of itself. */
export function createApplication(): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.enable('strict routing')
  app.enable('case sensitive routing')
  app.set('query parser', 'simple')
  return app
}

/** The last handler of a route. @param allow the methods that it has. */
export function notAllowed(allow: string): RequestHandler {
  return (request, response) => {
    response.set('Allow', allow)
    if (request.method !== 'OPTIONS') {
      throw commonProblem('method-not-allowed', `This resource supports ${allow}.`)
    }
    response.status(204).end()
  }
}

/** The last route. */
export const unknownRoute: RequestHandler = () => {
  throw commonProblem('route-unknown', 'See /openapi.json for what there is.')
}

/** The last handler: every error that a route throws becomes a problem here, and those that are not the client's are logged. */
export function answerWithProblem(logger: Logger, toProblem: (error: unknown) => HttpProblem): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
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

const loopbackNames = ['127.0.0.1', 'localhost', '[::1]']

/**
 * Answers nothing under a name that is neither loopback's nor one of `others`: so a page of somebody else, whose name is led
 * here (DNS rebinding), gets nothing. @param refusal what is thrown instead.
 */
export function onlyUnder(others: readonly string[], refusal: () => HttpProblem): RequestHandler {
  const names = [...loopbackNames, ...others]
  return (request, _response, next) => {
    const name = (request.headers.host ?? '').replace(/:\d{1,5}$/u, '').toLowerCase()
    if (!names.includes(name)) throw refusal()
    next()
  }
}

/** In seconds. */
export const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Times every request under its route's template, so that ids do not become labels. */
export function observeRequests(requests: Histogram<'method' | 'route' | 'status'>): RequestHandler {
  return (request, response, next) => {
    const end = requests.startTimer()
    response.once('close', () => {
      const route = request.route as { readonly path: string } | undefined
      end({ method: request.method, route: route?.path ?? 'none', status: response.statusCode })
    })
    next()
  }
}
