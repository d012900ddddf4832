/**
 * The HTTP application: the page, its stream of snapshots, and what the stores hold of one order. It only shows: what changes
 * something goes through to the controls, which want a token that this server does not have.
 *
 * Invariants: nothing is answered under a name that is not this machine's (a page of somebody else, whose name is led
 * here, gets nothing); the page may load and ask nothing from anywhere else, and nobody may frame it.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { answerWithProblem, onlyUnder, problemOf } from '@driftlab/http-api'
import { operationsRouter, type Logger, type Metrics, type Readiness } from '@driftlab/service'
import express, { type Express, type RequestHandler } from 'express'
import { forwardTo, readBody } from './controls.ts'
import { laneNames, type LaneName } from './lanes.ts'
import type { OrderReader } from './orders.ts'
import { Problem } from './problem.ts'
import type { Sampler } from './sampler.ts'
import { messageOf, type Viewers } from './viewers.ts'

export interface AppParts {
  readonly sampler: Pick<Sampler, 'snapshot' | 'history'>
  readonly viewers: Viewers
  readonly orders: OrderReader
  /** Undefined where there are none. */
  readonly controlsUrl: string | undefined
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
  app.use(
    onlyUnder(
      parts.allowedHosts,
      () => new Problem('wrong-host', 'Ask for http://127.0.0.1 or http://localhost, or set ALLOWED_HOSTS.'),
    ),
  )
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
  app.use(['/events', '/api', '/controls'], onlyFromHere)
  app.get('/controls', forwardTo(parts.controlsUrl))
  app.post('/controls/actions', readBody, forwardTo(parts.controlsUrl))
  app.use(onlyReading)

  app.get('/events', (request, response) => {
    if (request.method === 'HEAD') {
      response.type('text/event-stream').end()
      return
    }
    const first = sampler.snapshot === undefined ? [] : [messageOf('snapshot', sampler.snapshot)]
    if (!viewers.welcome(response, [messageOf('history', sampler.history), ...first])) {
      throw new Problem('too-many-viewers', 'Close another page, or ask /api/snapshot.')
    }
  })
  app.get('/api/snapshot', (_request, response) => {
    response.set('Cache-Control', 'no-store')
    if (sampler.snapshot === undefined) throw new Problem('not-looked-yet', 'Ask again in a second.')
    response.json(sampler.snapshot)
  })
  app.get('/api/history', (_request, response) => {
    response.set('Cache-Control', 'no-store').json(sampler.history)
  })
  app.get('/api/orders/:lane/:key', async (request, response) => {
    response.set('Cache-Control', 'no-store')
    const answer = await orders.read(...readOrderPath(request.params))
    switch (answer.state) {
      case 'known':
        response.type('json').send(answer.text)
        return
      case 'not-known':
        throw new Problem('order-not-known', 'As far as was seen, the stores agree on it. It may have healed just now.')
      case 'unavailable':
        throw new Problem('auditor-unavailable', `Try again later: ${answer.why}.`)
    }
  })
  app.get('/api/orders/:lane/:key/writes', async (request, response) => {
    response.set('Cache-Control', 'no-store').json(await orders.writes(...readOrderPath(request.params)))
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
  app.use(({ path }) => {
    throw path === '/' && !existsSync(join(pageDir, 'index.html'))
      ? new Problem('page-not-built', 'Build it: node services/dashboard/build.ts')
      : new Problem('route-unknown', 'The page is at /.')
  })
  app.use(answerWithProblem(logger, problemOf))
  return app
}

/** @throws {Problem} when the path is no order's. */
function readOrderPath(path: { readonly lane: string; readonly key: string }): readonly [lane: LaneName, key: string] {
  const lane = laneNames.find((name) => name === path.lane)
  if (lane !== undefined && path.key.length <= keyMax) return [lane, path.key]
  throw new Problem('invalid-request', `A lane is one of ${laneNames.join(', ')}, and a key is short.`)
}

/** Its own work is to look; that others are down is what it is there to show. */
function readinessOf({ snapshot }: AppParts['sampler']): Readiness {
  return { ready: snapshot !== undefined, checks: { looked: snapshot === undefined ? 'not yet' : 'ok' } }
}

/**
 * Browsers say where a request comes from. A page of somebody else could not read the answer, but could keep us busy; tools
 * that are no browser say nothing, and may ask.
 */
const onlyFromHere: RequestHandler = (request, _response, next) => {
  const site = request.get('Sec-Fetch-Site')
  if (site === undefined || site === 'same-origin' || site === 'none') next()
  else throw new Problem('cross-site', 'Open the page itself.')
}

const onlyReading: RequestHandler = (request, _response, next) => {
  if (request.method === 'GET' || request.method === 'HEAD') {
    next()
    return
  }
  throw new Problem('method-not-allowed', 'There is nothing here that a request could change.', { Allow: 'GET, HEAD' })
}
