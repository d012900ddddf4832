import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeCursor, encodeCursor, parseOrderId } from './cursor.ts'

describe('a cursor', () => {
  test('gives back the id it was made from', () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        expect(decodeCursor(encodeCursor(id))).toBe(id)
      }),
    )
  })

  test('any other text is no cursor, be it ever so close', () => {
    const cursor = encodeCursor('01890a5d-ac96-774b-bcce-b302099a8057')
    for (const text of [
      '',
      'x',
      `${cursor}=`,
      ` ${cursor}`,
      cursor.slice(0, -1),
      `${cursor}AA`,
      cursor.toLowerCase(),
    ]) {
      expect(decodeCursor(text)).toBeUndefined()
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(decodeCursor(text)).toBeUndefined()
      }),
    )
  })
})

describe('an order id in a path', () => {
  test('is a UUID in any case, and nothing else', () => {
    expect(parseOrderId('01890A5D-AC96-774B-BCCE-B302099A8057')).toBe('01890a5d-ac96-774b-bcce-b302099a8057')
    for (const text of ['', '1', '{01890a5d-ac96-774b-bcce-b302099a8057}', '01890a5dac96774bbcceb302099a8057']) {
      expect(parseOrderId(text)).toBeUndefined()
    }
  })
})
