import { expect, test } from '@jest/globals'
import { parseOrderId } from './order.ts'

test('an order id is a UUID in any case, and nothing else', () => {
  expect(parseOrderId('01890A5D-AC96-774B-BCCE-B302099A8057')).toBe('01890a5d-ac96-774b-bcce-b302099a8057')
  for (const text of ['', '1', '{01890a5d-ac96-774b-bcce-b302099a8057}', '01890a5dac96774bbcceb302099a8057']) {
    expect(parseOrderId(text)).toBeUndefined()
  }
})
