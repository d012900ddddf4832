/**
 * How a request can fail, as RFC 9457 problem details. The codes are an interface: clients branch on `type`.
 *
 * Each API lists its own kinds of problem; here are those that all have, and how any of them is written. It decides
 * nothing about what is an error.
 */
import type { Response } from 'express'
import type { z } from 'zod'
import type { FieldError } from './schemas.ts'

export interface ProblemKind {
  readonly status: number
  readonly title: string
}

/** What any API of ours may answer. */
export const commonKinds = {
  'invalid-request': { status: 400, title: 'The request does not fit the schema' },
  'invalid-cursor': { status: 400, title: 'The cursor is not one that this API gave out' },
  'route-unknown': { status: 404, title: 'There is no such resource' },
  'method-not-allowed': { status: 405, title: 'The resource does not support this method' },
  internal: { status: 500, title: 'Something went wrong on our side' },
} as const satisfies Readonly<Record<string, ProblemKind>>
export type CommonCode = keyof typeof commonKinds

/** What stands in a problem beside the fields of RFC 9457; each API adds its own. */
export interface ProblemExtensions {
  readonly errors?: readonly FieldError[] | undefined
  readonly [field: string]: unknown
}

export interface ProblemOptions {
  readonly extensions?: ProblemExtensions
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

export class HttpProblem extends Error {
  override readonly name = 'Problem'
  readonly code: string
  readonly status: number
  readonly title: string
  readonly extensions: ProblemExtensions
  readonly headers: Readonly<Record<string, string>>

  constructor(code: string, kind: ProblemKind, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.status = kind.status
    this.title = kind.title
    this.extensions = options.extensions ?? {}
    this.headers = options.headers ?? {}
  }
}

export function commonProblem(code: CommonCode, detail: string, options: ProblemOptions = {}): HttpProblem {
  return new HttpProblem(code, commonKinds[code], detail, options)
}

/** What nobody foresaw: it tells the client nothing of its cause. */
export function internalProblem(cause: unknown): HttpProblem {
  return commonProblem('internal', 'The fault is logged with this instance.', { cause })
}

/** More faults than a person mends in one go are left out, so that a bad body cannot make a huge answer. */
const errorsMax = 50

const escapePointer = (segment: PropertyKey): string => String(segment).replaceAll('~', '~0').replaceAll('/', '~1')

function pointers(issue: z.core.$ZodIssue): readonly string[] {
  const parent = issue.path.map((segment) => `/${escapePointer(segment)}`).join('')
  return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => `${parent}/${escapePointer(key)}`) : [parent]
}

/** Names each fault of a request: by JSON pointer in the body, by name in the query or the headers. */
export function invalidRequest(error: z.ZodError, where: 'body' | 'query' | { readonly header: string }): HttpProblem {
  const errors = error.issues.flatMap((issue): readonly FieldError[] => {
    const detail = issue.code === 'unrecognized_keys' ? 'is not a field of this request' : issue.message
    return pointers(issue).map((pointer) => {
      if (where === 'body') return { pointer: wellFormed(pointer), detail }
      if (where === 'query') return { parameter: wellFormed(pointer.slice(1)), detail }
      return { header: where.header, detail }
    })
  })
  return commonProblem('invalid-request', 'See `errors` for each fault and where it is.', {
    extensions: { errors: errors.slice(0, errorsMax) },
  })
}

/** A field's name comes from the client and is given back to it: cut to a sane length and valid Unicode. */
const wellFormed = (name: string): string => name.slice(0, 200).toWellFormed()

/** Express and its parsers mark the client's faults with a status from 400 to 499. */
function clientFault(error: unknown): HttpProblem | undefined {
  if (!Error.isError(error) || !('status' in error) || typeof error.status !== 'number') return undefined
  if (error.status < 400 || error.status > 499) return undefined
  return commonProblem('invalid-request', error.message.toWellFormed(), { cause: error })
}

/** Any error as a problem, once an API has turned its own into some. */
export function problemOf(error: unknown): HttpProblem {
  return error instanceof HttpProblem ? error : (clientFault(error) ?? internalProblem(error))
}

/** Writes `problem` as the answer; `requestId` finds it in the log. */
export function sendProblem(response: Response, problem: HttpProblem, requestId: string): void {
  const document = {
    type: `urn:driftlab:problem:${problem.code}`,
    title: problem.title,
    status: problem.status,
    detail: problem.message,
    instance: `urn:uuid:${requestId}`,
    ...problem.extensions,
  }
  response.status(problem.status).set(problem.headers).type('application/problem+json').send(JSON.stringify(document))
}
