/**
 * Every way a request can fail, as RFC 9457 problem details. The codes are an interface: clients branch on `type`.
 *
 * It turns errors into problems and writes them; it decides nothing about what is an error.
 */
import type { Response } from 'express'
import type { z } from 'zod'
import { DatabaseError, OrderMissing } from './repository.ts'
import type { problemSchema } from './schemas.ts'
import { PartialWrite } from './strategies/strategy.ts'

const kinds = {
  'malformed-json': { status: 400, title: 'The body is not JSON' },
  'invalid-request': { status: 400, title: 'The request does not fit the schema' },
  'invalid-cursor': { status: 400, title: 'The cursor is not one that this API gave out' },
  'command-unknown': { status: 404, title: 'There is no such command' },
  'order-unknown': { status: 404, title: 'There is no such order' },
  'route-unknown': { status: 404, title: 'There is no such resource' },
  'method-not-allowed': { status: 405, title: 'The resource does not support this method' },
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
  internal: { status: 500, title: 'Something went wrong on our side' },
  'partial-write': { status: 502, title: 'The write reached some stores and not others' },
  'log-unavailable': { status: 503, title: 'The log does not answer' },
  'database-unavailable': { status: 503, title: 'The database does not answer' },
} as const
export type ProblemCode = keyof typeof kinds

type ProblemDocument = z.output<typeof problemSchema>
type Extensions = Pick<ProblemDocument, 'errors' | 'failedStore' | 'writtenStores'>

export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly status: number
  readonly extensions: Extensions
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: ProblemCode,
    detail: string,
    options: {
      readonly extensions?: Extensions
      readonly headers?: Readonly<Record<string, string>>
      readonly cause?: unknown
    } = {},
  ) {
    super(detail, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.status = kinds[code].status
    this.extensions = options.extensions ?? {}
    this.headers = options.headers ?? {}
  }
}

type FieldError = NonNullable<ProblemDocument['errors']>[number]

/** More faults than a person mends in one go are left out, so that a bad body cannot make a huge answer. */
const errorsMax = 50

const escapePointer = (segment: PropertyKey): string => String(segment).replaceAll('~', '~0').replaceAll('/', '~1')

function pointers(issue: z.core.$ZodIssue): readonly string[] {
  const parent = issue.path.map((segment) => `/${escapePointer(segment)}`).join('')
  return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => `${parent}/${escapePointer(key)}`) : [parent]
}

/** Names each fault of a request: by JSON pointer in the body, by name in the query or the headers. */
export function invalidRequest(error: z.ZodError, where: 'body' | 'query' | { readonly header: string }): Problem {
  const errors = error.issues.flatMap((issue): readonly FieldError[] => {
    const detail = issue.code === 'unrecognized_keys' ? 'is not a field of this request' : issue.message
    return pointers(issue).map((pointer) => {
      if (where === 'body') return { pointer: wellFormed(pointer), detail }
      if (where === 'query') return { parameter: wellFormed(pointer.slice(1)), detail }
      return { header: where.header, detail }
    })
  })
  return new Problem('invalid-request', 'See `errors` for each fault and where it is.', {
    extensions: { errors: errors.slice(0, errorsMax) },
  })
}

/** A field's name comes from the client and is given back to it: cut to a sane length and valid Unicode. */
const wellFormed = (name: string): string => name.slice(0, 200).toWellFormed()

/** What went wrong, as a problem. Anything that nobody foresaw is `internal`, and tells the client nothing of its cause. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
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
  return (
    bodyParserProblem(error) ?? new Problem('internal', 'The fault is logged with this instance.', { cause: error })
  )
}

function databaseProblem(error: DatabaseError): Problem {
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
      return new Problem('internal', 'The fault is logged with this instance.', { cause: error })
  }
}

/** Express and its body parser mark the client's faults with a status from 400 to 499. */
function bodyParserProblem(error: unknown): Problem | undefined {
  if (!Error.isError(error) || !('status' in error) || typeof error.status !== 'number') return undefined
  if (error.status === 413) return new Problem('body-too-large', 'A body may have at most 100 kB.', { cause: error })
  if (error.status === 415) return new Problem('unsupported-media-type', error.message, { cause: error })
  if ('type' in error && error.type === 'entity.parse.failed') {
    return new Problem('malformed-json', 'The body must be JSON in UTF-8.', { cause: error })
  }
  if (error.status >= 400 && error.status < 500) {
    return new Problem('invalid-request', error.message.toWellFormed(), { cause: error })
  }
  return undefined
}

/** Writes `problem` as the answer; `requestId` finds it in the log. */
export function sendProblem(response: Response, problem: Problem, requestId: string): void {
  const document: ProblemDocument = {
    type: `urn:driftlab:problem:${problem.code}`,
    title: kinds[problem.code].title,
    status: problem.status,
    detail: problem.message,
    instance: `urn:uuid:${requestId}`,
    ...problem.extensions,
  }
  response.status(problem.status).set(problem.headers).type('application/problem+json').send(JSON.stringify(document))
}
