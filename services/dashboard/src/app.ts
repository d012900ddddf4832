/**
 * The HTTP application: the page, its stream of snapshots, and what the stores hold of one order. It only shows: there is
 * no request that changes anything.
 *
 * Invariants: nothing is answered under a name that is not this machine's (a page of somebody else, whose name is led
 * here, gets nothing); the page may load and ask nothing from anywhere else, and nobody may frame it.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { operationsRouter, type Logger, type Metrics, type Readiness } from '@driftlab/service'
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import { laneNames } from './lanes.ts'
import type { OrderReader } from './orders.ts'
import { sendProblem } from './problem.ts'
import type { Sampler } from './sampler.ts'
import { messageOf, type Viewers } from './viewers.ts'

export interface AppParts {
  readonly sampler: Pick<Sampler, 'snapshot' | 'history'>
  readonly viewers: Viewers
  readonly orders: OrderReader
  readonly pageDir: string
  /** Names of this server beside those of loopback. */
  readonly allowedHosts: readonly string[]
  readonly metrics: Metrics
  readonly logger: Logger
}

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Longer than any key of ours; what is longer is no key. */
const keyMax = 200

export function createApp(parts: AppParts): Express {
  const { sampler, viewers, orders, pageDir, metrics, logger } = parts
  const app = express().disable('x-powered-by').disable('etag')
  app.set('query parser', 'simple')

  // Orchestrators ask by address; what they are told is nobody's secret.
  app.use(operationsRouter({ metrics, readiness: () => Promise.resolve(readinessOf(sampler)) }))
  app.use(onlyUnder(['127.0.0.1', 'localhost', '[::1]', ...parts.allowedHosts]))
  app.use((_request, response, next) => {
    response.set({
      'Content-Security-Policy': contentSecurityPolicy,
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    })
    next()
  })
  app.use(onlyReading)
  app.use(['/events', '/api'], onlyFromHere)

  app.get('/events', (request, response) => {
    if (request.method === 'HEAD') {
      response.type('text/event-stream').end()
      return
    }
    const first = sampler.snapshot === undefined ? [] : [messageOf('snapshot', sampler.snapshot)]
    if (!viewers.welcome(response, [messageOf('history', sampler.history), ...first])) {
      sendProblem(response, 'too-many-viewers', 'Close another page, or ask /api/snapshot.')
    }
  })
  app.get('/api/snapshot', (_request, response) => {
    response.set('Cache-Control', 'no-store')
    if (sampler.snapshot === undefined) sendProblem(response, 'not-looked-yet', 'Ask again in a second.')
    else response.json(sampler.snapshot)
  })
  app.get('/api/orders/:lane/:key', async (request, response) => {
    const { lane, key } = request.params
    response.set('Cache-Control', 'no-store')
    if (!laneNames.some((name) => name === lane) || key.length > keyMax) {
      sendProblem(response, 'invalid-request', `A lane is one of ${laneNames.join(', ')}, and a key is short.`)
      return
    }
    const answer = await orders.read(lane, key)
    switch (answer.state) {
      case 'known':
        response.type('json').send(answer.text)
        return
      case 'not-known':
        sendProblem(
          response,
          'order-not-known',
          'As far as was seen, the stores agree on it. It may have healed just now.',
        )
        return
      case 'unavailable':
        sendProblem(response, 'auditor-unavailable', `Try again later: ${answer.why}.`)
        return
    }
  })
  app.use(
    express.static(pageDir, {
      index: 'index.html',
      redirect: false,
      setHeaders: (response, path) => {
        // The names of built files change with what is in them.
        const built = path.startsWith(join(pageDir, 'assets'))
        response.setHeader('Cache-Control', built ? 'public, max-age=31536000, immutable' : 'no-cache')
      },
    }),
  )
  app.use((request, response) => {
    if (request.path === '/' && !existsSync(join(pageDir, 'index.html'))) {
      sendProblem(response, 'page-not-built', 'Build it: node services/dashboard/build.ts')
    } else sendProblem(response, 'route-unknown', 'The page is at /.')
  })
  const onError: ErrorRequestHandler = (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error)
      return
    }
    const status = Error.isError(error) && 'status' in error ? error.status : undefined
    if (error instanceof URIError || (typeof status === 'number' && status >= 400 && status < 500)) {
      sendProblem(response, 'invalid-request', 'The path is not one that a browser would send.')
      return
    }
    logger.error({ err: error, method: request.method, path: request.path }, 'request failed')
    sendProblem(response, 'internal', 'The fault is logged.')
  }
  app.use(onError)
  return app
}

/** Its own work is to look; that others are down is what it is there to show. */
function readinessOf({ snapshot }: AppParts['sampler']): Readiness {
  return { ready: snapshot !== undefined, checks: { looked: snapshot === undefined ? 'not yet' : 'ok' } }
}

function onlyUnder(names: readonly string[]): RequestHandler {
  return (request, response, next) => {
    const name = (request.headers.host ?? '').replace(/:\d{1,5}$/u, '').toLowerCase()
    if (names.includes(name)) next()
    else sendProblem(response, 'wrong-host', 'Ask for http://127.0.0.1 or http://localhost, or set ALLOWED_HOSTS.')
  }
}

/**
 * Browsers say where a request comes from. A page of somebody else could not read the answer, but could keep us busy; tools
 * that are no browser say nothing, and may ask.
 */
const onlyFromHere: RequestHandler = (request, response, next) => {
  const site = request.get('Sec-Fetch-Site')
  if (site === undefined || site === 'same-origin' || site === 'none') next()
  else sendProblem(response, 'cross-site', 'Open the page itself.')
}

const onlyReading: RequestHandler = (request, response, next) => {
  if (request.method === 'GET' || request.method === 'HEAD') {
    next()
    return
  }
  response.set('Allow', 'GET, HEAD')
  sendProblem(response, 'method-not-allowed', 'There is nothing here that a request could change.')
}
