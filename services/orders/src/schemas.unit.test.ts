import { describe, expect, test } from '@jest/globals'
import { invalidRequest } from '@driftlab/http-api'
import { newOrderSchema, orderPatchSchema } from './schemas.ts'

const item = { sku: 'tea-1', description: 'Green tea', quantity: 2, unitPriceCents: 450 }
const order = { customerId: 'c-1', customerName: 'Zoë 漢 😀', items: [item], currency: 'EUR' }

const pointersOf = (body: unknown, schema = newOrderSchema as typeof newOrderSchema | typeof orderPatchSchema) => {
  const parsed = schema.safeParse(body)
  return parsed.success
    ? []
    : (invalidRequest(parsed.error, 'body').extensions.errors?.map(({ pointer }) => pointer) ?? [])
}

describe('what a request may say', () => {
  test('an order without a note has an empty one', () => {
    expect(newOrderSchema.parse(order)).toEqual({ ...order, note: '' })
  })

  test.each<[string, unknown, string]>([
    ['an unknown field', { ...order, discount: 1 }, '/discount'],
    ['a field that the service decides', { ...order, totalCents: 1 }, '/totalCents'],
    ['a field named like a prototype', JSON.parse(`{"__proto__":{},${JSON.stringify(order).slice(1)}`), '/__proto__'],
    ['an unknown field with a slash and a tilde in its name', { ...order, 'a/b~c': 1 }, '/a~1b~0c'],
    ['an unknown field of an item', { ...order, items: [{ ...item, colour: 'red' }] }, '/items/0/colour'],
    ['the NUL character', { ...order, note: 'a\0b' }, '/note'],
    ['half of a surrogate pair', { ...order, customerName: '\ud83d' }, '/customerName'],
    ['a quantity that is no whole number', { ...order, items: [{ ...item, quantity: 1.5 }] }, '/items/0/quantity'],
    ['a quantity of none', { ...order, items: [{ ...item, quantity: 0 }] }, '/items/0/quantity'],
    [
      'a price beyond exact numbers',
      { ...order, items: [{ ...item, unitPriceCents: 2 ** 53 }] },
      '/items/0/unitPriceCents',
    ],
    ['a price in text', { ...order, items: [{ ...item, unitPriceCents: '450' }] }, '/items/0/unitPriceCents'],
    ['no items', { ...order, items: [] }, '/items'],
    ['too many items', { ...order, items: Array.from({ length: 101 }, () => item) }, '/items'],
    ['a currency in small letters', { ...order, currency: 'eur' }, '/currency'],
    ['a currency with a line break after it', { ...order, currency: 'EUR\n' }, '/currency'],
    ['a null', { ...order, note: null }, '/note'],
    ['no object', [], ''],
    ['nothing', undefined, ''],
  ])('%s is refused, and the pointer says where', (_what, body, pointer) => {
    expect(pointersOf(body)).toContain(pointer)
  })

  test('a total beyond exact numbers is refused at the items', () => {
    const dear = { ...item, quantity: 1_000_000, unitPriceCents: 100_000_000_000 }
    expect(pointersOf({ ...order, items: [dear] })).toEqual(['/items'])
    expect(pointersOf({ items: [dear] }, orderPatchSchema)).toEqual(['/items'])
  })

  test('a change must change something, and cannot change who ordered, when, or the total', () => {
    expect(pointersOf({}, orderPatchSchema)).toEqual([''])
    for (const field of ['id', 'customerId', 'currency', 'createdAt', 'totalCents', 'revision']) {
      expect(pointersOf({ [field]: 'x' }, orderPatchSchema)).toContain(`/${field}`)
    }
  })

  test('a body with a thousand faults gets an answer of bounded size', () => {
    const faults = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`f${index}`, 1]))
    expect(pointersOf({ ...order, ...faults })).toHaveLength(50)
  })
})
