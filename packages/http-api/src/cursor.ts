/**
 * The place in a list where a page ended, opaque to clients: its form may change with any release, so it says which form
 * it has. Only the very text that was given out is taken back.
 */
import type { z } from 'zod'
import { commonProblem } from './problem.ts'

export interface Cursors<Place> {
  encode(place: Place): string
  /** @returns undefined when this is no cursor of this list. */
  decode(cursor: string): Place | undefined
}

/** @param form of this list's places; another list's cursor is not taken for one of these. */
export function createCursors<Place extends readonly (string | number)[]>(
  form: string,
  schema: z.ZodType<Place>,
): Cursors<Place> {
  const encode = (place: Place): string => Buffer.from(JSON.stringify([form, ...place])).toString('base64url')
  return {
    encode,
    decode: (cursor) => {
      const read = schema.safeParse(placeIn(cursor, form))
      // Decoding is lenient about stray characters.
      return read.success && encode(read.data) === cursor ? read.data : undefined
    },
  }
}

/** Of a request: the place to go on after, or undefined to begin. @throws {HttpProblem} `invalid-cursor` */
export function readCursor<Place>(cursors: Cursors<Place>, cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined
  const place = cursors.decode(cursor)
  if (place !== undefined) return place
  throw commonProblem('invalid-cursor', 'Take `nextCursor` from the page before as it is, or leave it out to begin.')
}

function placeIn(cursor: string, form: string): unknown {
  let decoded: unknown
  try {
    decoded = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
  return Array.isArray(decoded) && decoded[0] === form ? decoded.slice(1) : undefined
}
