/**
 * Hands requests for the controls on to the process that has them, so that a browser has to know one server only. It holds no
 * token: the caller's goes through as it is.
 *
 * Invariants: an action comes from our own page or from no page at all; not more than `bodyMaxBytes` of it are read.
 */
import express, { type RequestHandler } from 'express'
import { Problem } from './problem.ts'

const bodyMaxBytes = 1_000
/** A restart waits until the component is ready. */
const timeoutMs = 100_000

export const readBody: RequestHandler = express.text({ type: 'application/json', limit: bodyMaxBytes })

/** @param url of the controls; undefined where there are none. */
export function forwardTo(url: string | undefined): RequestHandler {
  return async (request, response) => {
    if (url === undefined) throw new Problem('no-controls', 'They act on processes: there are none in containers.')
    const { authorization, origin, host } = request.headers
    if (origin !== undefined && origin !== `http://${host ?? ''}`)
      throw new Problem('cross-site', 'Open the page itself.')
    let answer: Response
    let text: string
    try {
      answer = await fetch(`${url}${request.originalUrl}`, {
        method: request.method,
        headers: {
          'Content-Type': 'application/json',
          ...(authorization === undefined ? {} : { Authorization: authorization }),
        },
        ...(typeof request.body === 'string' ? { body: request.body } : {}),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      })
      text = await answer.text()
    } catch {
      throw new Problem('no-controls', 'They do not run. Start them: npm run lab -- up controls')
    }
    response
      .status(answer.status)
      .set('Cache-Control', 'no-store')
      .type(answer.headers.get('content-type') ?? 'application/json')
      .send(text)
  }
}
