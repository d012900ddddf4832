/**
 * The controls over HTTP: what goes on, for everybody; doing something, for who has the token.
 *
 * Invariants: it listens on loopback and answers under no other name; an action needs the token in a header, which no page
 * of somebody else can send, and JSON as its type, which no form can.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import {
  answerWithProblem,
  commonProblem,
  createApplication,
  HttpProblem,
  invalidRequest,
  notAllowed,
  onlyUnder,
  problemOf,
  unknownRoute,
} from '@driftlab/http-api'
import { operationsRouter, type Logger, type Metrics } from '@driftlab/service'
import express, { type Express, type RequestHandler } from 'express'
import { LabError } from '../native/src/errors.ts'
import { actionSchema, NotNow, type Controls } from './controls.ts'

export interface AppParts {
  readonly controls: Pick<Controls, 'state' | 'act'>
  readonly token: string
  readonly metrics: Metrics
  readonly logger: Logger
}

const kinds = {
  'token-needed': { status: 401, title: 'This needs the token' },
  'not-now': { status: 409, title: 'This cannot be done as things are now' },
} as const
const bodyMaxBytes = 1_000

export function createApp({ controls, token, metrics, logger }: AppParts): Express {
  const app = createApplication()
  app.use(operationsRouter({ metrics, readiness: () => Promise.resolve({ ready: true, checks: {} }) }))
  app.use(onlyUnder([], () => commonProblem('invalid-request', 'Ask for http://127.0.0.1.')))
  app
    .route('/controls')
    .get((_request, response) => {
      response.set('Cache-Control', 'no-store').json(controls.state())
    })
    .all(notAllowed('GET, HEAD'))
  app
    .route('/controls/actions')
    .post(withToken(token), express.json({ limit: bodyMaxBytes }), async (request, response) => {
      const action = actionSchema.safeParse(request.body)
      if (!action.success) throw invalidRequest(action.error, 'body')
      await controls.act(action.data)
      response.set('Cache-Control', 'no-store').json(controls.state())
    })
    .all(notAllowed('POST'))
  app.use(unknownRoute)
  app.use(answerWithProblem(logger, toProblem))
  return app
}

function toProblem(error: unknown): HttpProblem {
  if (error instanceof NotNow || error instanceof LabError) {
    return new HttpProblem('not-now', kinds['not-now'], error.message, { cause: error })
  }
  return problemOf(error)
}

/** Of equal length by their digests, so that the comparison takes as long whatever was sent. */
function withToken(token: string): RequestHandler {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  const expected = digest(`Bearer ${token}`)
  return (request, _response, next) => {
    if (timingSafeEqual(digest(request.get('Authorization') ?? ''), expected)) {
      next()
      return
    }
    throw new HttpProblem(
      'token-needed',
      kinds['token-needed'],
      'Open the page by the address with a token that make up prints.',
      { headers: { 'WWW-Authenticate': 'Bearer' } },
    )
  }
}
