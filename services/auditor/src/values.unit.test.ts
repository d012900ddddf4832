import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { agrees, fromSourceText, readRevision, UnreadableValueError, type ValueType } from './values.ts'

const milliseconds: ValueType = { type: 'timestamp', fractionDigits: 3 }

describe('times', () => {
  it.each([
    ['2026-11-24 08:19:52.5+00', '2026-11-24T08:19:52.500Z'],
    ['2026-11-24 08:19:52+00', '2026-11-24T08:19:52.000Z'],
    ['2026-11-24 08:19:52.123+05:30', '2026-11-24T02:49:52.123Z'],
    ['2026-11-24 08:19:52.123-03', '2026-11-24T11:19:52.123Z'],
  ])('PostgreSQL writes %s and documents %s, and they agree', (source, document) => {
    const expected = fromSourceText(milliseconds, source)
    expect(expected).toBe(document)
    expect(agrees(milliseconds, expected, document, 'document')).toBe(true)
  })

  it('keep every digit of their column', () => {
    const microseconds: ValueType = { type: 'timestamp', fractionDigits: 6 }
    const expected = fromSourceText(microseconds, '2026-11-24 08:19:52.123456+00')
    expect(agrees(microseconds, expected, '2026-11-24T08:19:52.123456000Z', 'warehouse')).toBe(true)
    expect(agrees(microseconds, expected, '2026-11-24T08:19:52.123455Z', 'warehouse')).toBe(false)
    expect(agrees(microseconds, expected, '2026-11-24T08:19:52.1234561Z', 'warehouse')).toBe(false)
  })

  it('without fraction digits, seconds are compared', () => {
    const seconds: ValueType = { type: 'timestamp', fractionDigits: 0 }
    const expected = fromSourceText(seconds, '2026-11-24 08:19:52+00')
    expect(expected).toBe('2026-11-24T08:19:52Z')
    expect(agrees(seconds, expected, '2026-11-24T08:19:52.000Z', 'document')).toBe(true)
    expect(agrees(seconds, expected, '2026-11-24T08:19:53Z', 'document')).toBe(false)
  })

  it('that are none differ instead of failing', () => {
    const expected = fromSourceText(milliseconds, '2026-11-24 08:19:52+00')
    expect(agrees(milliseconds, expected, 'yesterday', 'document')).toBe(false)
    expect(agrees(milliseconds, expected, 1_795_508_392_000, 'document')).toBe(false)
  })

  it('agree in whatever offset they are written', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1970-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }),
        fc.integer({ min: -14 * 60, max: 14 * 60 }),
        (instant, offsetMinutes) => {
          const local = new Date(instant.getTime() + offsetMinutes * 60_000)
            .toISOString()
            .replace('T', ' ')
            .slice(0, -1)
          const size = Math.abs(offsetMinutes)
          const pad = (value: number): string => String(value).padStart(2, '0')
          const offset = `${offsetMinutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`
          expect(fromSourceText(milliseconds, local + offset)).toBe(instant.toISOString())
        },
      ),
    )
  })
})

describe('whole numbers', () => {
  it('agree as numbers in documents and as text or numbers in a warehouse', () => {
    const expected = fromSourceText({ type: 'integer' }, '4200')
    expect(agrees({ type: 'integer' }, expected, 4200, 'document')).toBe(true)
    expect(agrees({ type: 'integer' }, expected, '4200', 'warehouse')).toBe(true)
    expect(agrees({ type: 'integer' }, expected, '4200', 'document')).toBe(false)
    expect(agrees({ type: 'integer' }, expected, 4201, 'document')).toBe(false)
  })

  it('of 64 bits lose no digit in a warehouse', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.bigInt({ min: 1n, max: 1_000n }),
        (value, more) => {
          const expected = fromSourceText({ type: 'integer' }, String(value))
          expect(agrees({ type: 'integer' }, expected, String(value), 'warehouse')).toBe(true)
          expect(agrees({ type: 'integer' }, expected, String(value + more), 'warehouse')).toBe(false)
        },
      ),
    )
  })
})

describe('decimals', () => {
  it.each([
    ['1.50', '1.5'],
    ['-0.00', '0'],
    ['1e3', '1000'],
    ['0012.3400', '12.34'],
    ['1.5E-3', '0.0015'],
  ])('%s says the same as %s', (one, other) => {
    expect(fromSourceText({ type: 'decimal' }, one)).toBe(other)
  })

  it('differ in the last digit', () => {
    expect(agrees({ type: 'decimal' }, fromSourceText({ type: 'decimal' }, '1.10'), '1.11', 'document')).toBe(false)
    expect(agrees({ type: 'decimal' }, fromSourceText({ type: 'decimal' }, '1.10'), 1.1, 'document')).toBe(true)
  })
})

it('JSON agrees whatever the order of its members, and in nothing less than all of them', () => {
  const expected = fromSourceText({ type: 'json' }, '[{"sku":"a","quantity":1}]')
  expect(agrees({ type: 'json' }, expected, [{ quantity: 1, sku: 'a' }], 'document')).toBe(true)
  expect(agrees({ type: 'json' }, expected, [{ quantity: 1 }], 'document')).toBe(false)
  expect(agrees({ type: 'json' }, expected, [{ quantity: 1, sku: 'a', more: null }], 'document')).toBe(false)
})

it('an absent field says the same as null, and nothing else does', () => {
  expect(agrees({ type: 'text' }, null, undefined, 'document')).toBe(true)
  expect(agrees({ type: 'text' }, null, '', 'document')).toBe(false)
  expect(agrees({ type: 'text' }, '', undefined, 'document')).toBe(false)
})

it('a value of the source that is not of its type is a fault of the specification', () => {
  expect(() => fromSourceText({ type: 'integer' }, 'four')).toThrow(UnreadableValueError)
  expect(() => fromSourceText({ type: 'boolean' }, 'yes')).toThrow(UnreadableValueError)
  expect(() => fromSourceText(milliseconds, 'infinity')).toThrow(UnreadableValueError)
})

it('a revision is a whole number, quoted only where the store quotes', () => {
  expect(readRevision(3, 'document')).toBe(3)
  expect(readRevision('3', 'warehouse')).toBe(3)
  expect(readRevision('3', 'document')).toBeUndefined()
  expect(readRevision(3.5, 'document')).toBeUndefined()
  expect(readRevision(undefined, 'document')).toBeUndefined()
})
