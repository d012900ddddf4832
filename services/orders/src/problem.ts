/**
 * Every way a request can fail, as RFC 9457 problem details. The codes are an interface: clients branch on `type`.
 *
 * It turns errors into problems; it decides nothing about what is an error.
 */
import { commonKinds, HttpProblem, internalProblem, problemOf, type ProblemOptions } from '@driftlab/http-api'
import type { z } from 'zod'
import { DatabaseError, OrderMissing } from './repository.ts'
import type { problemSchema } from './schemas.ts'
import { PartialWrite } from './strategies/strategy.ts'

const kinds = {
  ...commonKinds,
  'malformed-json': { status: 400, title: 'The body is not JSON' },
  'command-unknown': { status: 404, title: 'There is no such command' },
  'order-unknown': { status: 404, title: 'There is no such order' },
  'illegal-move': { status: 409, title: 'The order cannot go to this status' },
  'limited-items-fixed': { status: 409, title: 'The limited goods of an order are fixed when it is placed' },
  'stock-short': { status: 409, title: 'There is not enough of it left' },
  'items-locked': { status: 409, title: 'The items of the order can no longer change' },
  contended: { status: 409, title: 'Another write got in the way' },
  'order-deleted': { status: 410, title: 'The order was deleted' },
  'revision-moved': { status: 412, title: 'The order has changed since it was read' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body is in a form that this API does not read' },
  'idempotency-key-reused': { status: 422, title: 'The idempotency key belongs to another request' },
  'refused-by-database': { status: 422, title: 'The database refuses these values' },
  'partial-write': { status: 502, title: 'The write reached some stores and not others' },
  'log-unavailable': { status: 503, title: 'The log does not answer' },
  'database-unavailable': { status: 503, title: 'The database does not answer' },
} as const
export type ProblemCode = keyof typeof kinds

type Extensions = Pick<z.output<typeof problemSchema>, 'errors' | 'failedStore' | 'writtenStores'>

export class Problem extends HttpProblem {
  constructor(code: ProblemCode, detail: string, options: ProblemOptions & { readonly extensions?: Extensions } = {}) {
    super(code, kinds[code], detail, options)
  }
}

/** What went wrong, as a problem. Anything that nobody foresaw is `internal`, and tells the client nothing of its cause. */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error
  if (error instanceof OrderMissing) {
    return error.reason === 'deleted'
      ? new Problem('order-deleted', `Order ${error.id} was deleted.`)
      : new Problem('order-unknown', `There is no order ${error.id}.`)
  }
  if (error instanceof PartialWrite) {
    return new Problem(
      'partial-write',
      `The write is in ${error.written.length === 0 ? 'no store for certain' : error.written.join(', ')}; ${error.store} failed, ` +
        'and a write that failed may have landed all the same. Nothing is undone and nothing repairs this: the stores ' +
        'disagree until somebody writes the order again.',
      { extensions: { failedStore: error.store, writtenStores: [...error.written] }, cause: error },
    )
  }
  if (error instanceof DatabaseError) return databaseProblem(error)
  return bodyParserProblem(error) ?? problemOf(error)
}

function databaseProblem(error: DatabaseError): HttpProblem {
  switch (error.kind) {
    case 'refused':
      return new Problem('refused-by-database', 'A value breaks a rule of the orders table.', { cause: error })
    case 'contended':
      return new Problem('contended', 'Nothing was written. Try again.', { cause: error })
    case 'unavailable':
      return new Problem(
        'database-unavailable',
        'Try again later. A write may or may not have happened: repeat it with its Idempotency-Key, or read first.',
        {
          headers: { 'Retry-After': '1' },
          cause: error,
        },
      )
    case 'bug':
      return internalProblem(error)
  }
}

/** The body parser marks its faults with a status, and one of them with a type. */
function bodyParserProblem(error: unknown): Problem | undefined {
  if (!Error.isError(error) || !('status' in error)) return undefined
  if (error.status === 413) return new Problem('body-too-large', 'A body may have at most 100 kB.', { cause: error })
  if (error.status === 415) return new Problem('unsupported-media-type', error.message, { cause: error })
  if ('type' in error && error.type === 'entity.parse.failed') {
    return new Problem('malformed-json', 'The body must be JSON in UTF-8.', { cause: error })
  }
  return undefined
}
