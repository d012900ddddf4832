/**
 * Every way a question can fail, as RFC 9457 problem details. The codes are an interface: clients branch on `type`.
 *
 * It turns errors into problems; it decides nothing about what is an error.
 */
import { commonKinds, HttpProblem, problemOf, type ProblemOptions } from '@driftlab/http-api'
import { LaneOff, StoreUnavailable } from './stores/failure.ts'

const kinds = {
  ...commonKinds,
  'history-not-kept': { status: 404, title: 'The lane keeps no history of its orders' },
  'lane-off': { status: 404, title: 'The lane is not switched on' },
  'order-unknown': { status: 404, title: 'There is no such order' },
  'log-broken': { status: 502, title: 'The log is not whole' },
  'order-unreadable': { status: 502, title: 'What the store holds is no order' },
  'store-unavailable': { status: 503, title: 'The store does not answer' },
} as const
export type ProblemCode = keyof typeof kinds

export class Problem extends HttpProblem {
  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(code, kinds[code], detail, options)
  }
}

/** What went wrong, as a problem. Anything that nobody foresaw is `internal`, and tells the client nothing of its cause. */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof StoreUnavailable) {
    return new Problem('store-unavailable', `${error.store} does not answer, or not in time. Try again later.`, {
      extensions: { store: error.store },
      headers: { 'Retry-After': '1' },
      cause: error,
    })
  }
  if (error instanceof LaneOff) {
    return new Problem('lane-off', `Nothing of lane ${error.lane} is there. The README says how to start it.`, {
      cause: error,
    })
  }
  return problemOf(error)
}
