import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { z } from 'zod'
import { createCursors, readCursor } from './cursor.ts'
import { HttpProblem } from './problem.ts'

const cursors = createCursors('after', z.tuple([z.string(), z.int()]))

describe('a cursor', () => {
  test('gives back the place it was made from, whatever text is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer(), (text, number) => {
        expect(cursors.decode(cursors.encode([text, number]))).toEqual([text, number])
      }),
    )
  })

  test('any other text is no cursor, be it ever so close', () => {
    const cursor = cursors.encode(['01890a5d-ac96-774b-bcce-b302099a8057', 7])
    const texts = ['', 'x', `${cursor}=`, ` ${cursor}`, cursor.slice(0, -1), `${cursor}AA`, cursor.toLowerCase()]
    for (const text of texts) expect(cursors.decode(text)).toBeUndefined()
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(cursors.decode(text)).toBeUndefined()
      }),
    )
  })

  test('of another list is none of this one', () => {
    const others = createCursors('before', z.tuple([z.string(), z.int()]))
    expect(cursors.decode(others.encode(['x', 1]))).toBeUndefined()
    expect(cursors.decode(createCursors('after', z.tuple([z.string()])).encode(['x']))).toBeUndefined()
  })

  test('that is none is a problem of the client; without one, a list begins', () => {
    expect(readCursor(cursors, undefined)).toBeUndefined()
    expect(readCursor(cursors, cursors.encode(['x', 1]))).toEqual(['x', 1])
    expect(() => readCursor(cursors, 'x')).toThrow(HttpProblem)
  })
})
