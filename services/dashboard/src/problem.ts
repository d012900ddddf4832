/** Every way a request to this server can fail, as RFC 9457 problem details. */
import { commonKinds, HttpProblem } from '@driftlab/http-api'

const kinds = {
  ...commonKinds,
  'cross-site': { status: 403, title: 'A page of somebody else may not ask this' },
  'order-not-known': { status: 404, title: 'This order is not known to differ' },
  'wrong-host': { status: 421, title: 'This server does not answer under that name' },
  'too-many-viewers': { status: 503, title: 'Too many watch already' },
  'not-looked-yet': { status: 503, title: 'Nothing was seen yet' },
  'no-controls': { status: 503, title: 'There are no controls here' },
  'auditor-unavailable': { status: 503, title: 'The auditor does not answer' },
  'page-not-built': { status: 503, title: 'The page has not been built' },
} as const
export type ProblemCode = keyof typeof kinds

export class Problem extends HttpProblem {
  constructor(code: ProblemCode, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(code, kinds[code], detail, { headers })
  }
}
