/** What tests of an API share: every answer is held against the OpenAPI document that the service itself serves. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { z } from 'zod'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

type Responses = Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>
type Operations = Readonly<Record<string, { readonly responses: Responses }>>

export interface Conformance {
  /** @returns `METHOD template status`. @throws unless status, media type and body of the answer are as documented. */
  readonly check: (method: string, path: string, answer: Answer) => string
  /** `METHOD template status` of every answer that the document promises. */
  readonly documented: readonly string[]
}

/** @param document as `GET /openapi.json` answers it. */
export function conformanceTo(document: object): Conformance {
  const ajv = new Ajv2020({ strict: false })
  formats.default(ajv)
  ajv.addSchema(document, 'api')
  const paths = (document as { readonly paths?: Readonly<Record<string, Operations>> }).paths ?? {}
  const validators = new Map<string, ValidateFunction>()
  const validator = (reference: string): ValidateFunction => {
    const known = validators.get(reference) ?? ajv.compile({ $ref: `api#${reference}` })
    validators.set(reference, known)
    return known
  }
  const templates = Object.keys(paths).map((template) => ({
    template,
    pattern: new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }))

  const check = (method: string, path: string, answer: Answer): string => {
    const [pathname = ''] = path.split('?')
    const template = templates.find(({ pattern }) => pattern.test(pathname))?.template ?? pathname
    const operation = paths[template]?.[method.toLowerCase()]
    const seen = `${method} ${template} ${answer.status}`
    const mediaType = answer.headers.get('content-type')?.split(';')[0]
    const documented = operation?.responses[answer.status]
    if (operation !== undefined && documented === undefined) {
      throw new Error(`${seen} is not documented: ${JSON.stringify(answer.body)}`)
    }
    if (operation === undefined) {
      // Not a documented operation: only 404, 405 and the operations routes are outside the document.
      if (answer.status >= 400 && answer.status !== 503)
        assertValid(validator('/components/schemas/Problem'), seen, answer)
      return seen
    }
    const content = documented?.content
    if (content === undefined) {
      if (answer.body !== '') throw new Error(`${seen} has a body, and none is documented`)
      return seen
    }
    if (mediaType === undefined || !(mediaType in content)) throw new Error(`${seen} is ${mediaType ?? 'of no type'}`)
    const escape = (segment: string): string => encodeURIComponent(segment.replaceAll('~', '~0').replaceAll('/', '~1'))
    const steps = ['paths', template, method.toLowerCase(), 'responses', String(answer.status), 'content', mediaType]
    assertValid(validator(`/${steps.map(escape).join('/')}/schema`), seen, answer)
    return seen
  }
  const promised = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { responses }]) =>
      Object.keys(responses).map((status) => `${method.toUpperCase()} ${path} ${status}`),
    ),
  )
  return { check, documented: promised }
}

function assertValid(validate: ValidateFunction, seen: string, answer: Answer): void {
  if (validate(answer.body)) return
  throw new Error(`${seen} is not as documented: ${JSON.stringify(validate.errors)} in ${JSON.stringify(answer.body)}`)
}

/** Asks, and reads the whole answer, which is JSON or nothing. */
export async function request(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init)
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? '' : parse(text) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`The answer is not JSON: ${text.slice(0, 200)}`, { cause })
  }
}

const problemType = z.object({ type: z.string() })

/** The code of a problem, without its URN. */
export function problemCode(answer: Answer): string {
  return problemType.parse(answer.body).type.replace('urn:driftlab:problem:', '')
}
