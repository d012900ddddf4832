import { isUtf8 } from 'node:buffer'
import { json, type RequestHandler } from 'express'
import { Problem } from './problem.ts'
import { bodyBytesMax } from './schemas.ts'

/**
 * Reads a JSON body into `request.body`. A body that is not JSON by its Content-Type, not UTF-8 by its bytes, or too
 * large is refused before anything looks into it; a missing one is no object, which the schema refuses.
 */
export function jsonBody(mediaTypes: readonly string[]): readonly RequestHandler[] {
  const types = [...mediaTypes]
  return [
    (request, response, next) => {
      if (request.is(types) === false) {
        response.set('Accept', types.join(', '))
        throw new Problem('unsupported-media-type', `Send the body as ${types.join(' or ')}.`)
      }
      next()
    },
    json({
      limit: bodyBytesMax,
      type: types,
      // The schema says what the body must be, and where it is not.
      strict: false,
      verify: (_request, _response, bytes) => {
        if (!isUtf8(bytes)) throw new Problem('malformed-json', 'The body is not valid UTF-8.')
      },
    }),
  ]
}
