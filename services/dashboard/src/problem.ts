/** Every way a request to this server can fail, as RFC 9457 problem details. */
import type { Response } from 'express'

const kinds = {
  'invalid-request': { status: 400, title: 'The request cannot be understood' },
  'cross-site': { status: 403, title: 'A page of somebody else may not ask this' },
  'route-unknown': { status: 404, title: 'There is no such resource' },
  'order-not-known': { status: 404, title: 'This order is not known to differ' },
  'method-not-allowed': { status: 405, title: 'The resource does not support this method' },
  'wrong-host': { status: 421, title: 'This server does not answer under that name' },
  internal: { status: 500, title: 'Something went wrong on our side' },
  'too-many-viewers': { status: 503, title: 'Too many watch already' },
  'not-looked-yet': { status: 503, title: 'Nothing was seen yet' },
  'auditor-unavailable': { status: 503, title: 'The auditor does not answer' },
  'page-not-built': { status: 503, title: 'The page has not been built' },
} as const
export type ProblemCode = keyof typeof kinds

export function sendProblem(response: Response, code: ProblemCode, detail: string): void {
  const { status, title } = kinds[code]
  const document = { type: `urn:driftlab:problem:${code}`, title, status, detail }
  response.status(status).type('application/problem+json').send(JSON.stringify(document))
}
