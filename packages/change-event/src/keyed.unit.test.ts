/** The two formats of our own relays: domain events and row changes. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decode, parseOffset, type Decoded, type RecordFormat } from './index.ts'

const row = { id: 'a', note: 'hello', total_cents: 300 }
const time = '2026-01-02T03:04:05.678901+00:00'
const committedAtMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

const domainEvent: RecordFormat = {
  format: 'domain-event',
  keyColumn: 'id',
  rowField: 'order',
  kinds: { OrderPlaced: 'insert', OrderChanged: 'update', OrderRemoved: 'delete' },
}
const rowChange: RecordFormat = { format: 'row-change', keyColumn: 'id' }
const placed = { type: 'OrderPlaced', occurredAt: time, order: row }
const update = { operation: 'update', recordedAt: time, before: { ...row, note: 'old' }, after: row }

function decodeRaw(format: RecordFormat, key: Buffer | null, value: Buffer | null): Decoded {
  return decode({ topic: 't', partition: 1, offset: parseOffset(5), key, value }, { ...format, epoch: 0 })
}
function decodeJson(format: RecordFormat, value: unknown, key = 'a'): Decoded {
  return decodeRaw(format, Buffer.from(key), Buffer.from(JSON.stringify(value)))
}

describe('a domain event', () => {
  test.each([
    ['OrderPlaced', { kind: 'insert', after: row }],
    ['OrderChanged', { kind: 'update', before: null, after: row }],
    ['OrderRemoved', { kind: 'delete', before: row }],
  ])('%s is a whole change', (type, expected) => {
    expect(decodeJson(domainEvent, { ...placed, type })).toEqual({
      type: 'change',
      change: {
        position: { topic: 't', partition: 1, offset: 5 },
        version: 6,
        source: { lsn: null, txId: null, committedAtMs },
        ...expected,
      },
    })
  })

  test.each([
    ['no type', { ...placed, type: undefined }, 'operation-unknown'],
    ['an event that nobody knows', { ...placed, type: 'OrderDoubted' }, 'operation-unknown'],
    ['the name of what every object has', { ...placed, type: 'constructor' }, 'operation-unknown'],
    ['no row', { ...placed, order: null }, 'row-missing'],
    ['no time', { ...placed, occurredAt: undefined }, 'envelope-malformed'],
    ['a time that is none', { ...placed, occurredAt: 'yesterday' }, 'envelope-malformed'],
    ['a row of another key', { ...placed, order: { ...row, id: 'b' } }, 'key-mismatch'],
    ['a row without its key', { ...placed, order: { note: '' } }, 'key-mismatch'],
    ['a text within JSON, as a converter makes it of text', JSON.stringify(placed), 'value-malformed'],
  ])('with %s is poison', (_what, value, reason) => {
    expect(decodeJson(domainEvent, value)).toMatchObject({ type: 'poison', reason })
  })
})

describe('a row change', () => {
  test.each([
    ['insert', { ...update, operation: 'insert', before: null }, { kind: 'insert', after: row }],
    ['update', update, { kind: 'update', before: update.before, after: row }],
    ['delete', { ...update, operation: 'delete', after: null }, { kind: 'delete', before: update.before }],
  ])('of operation %s is a whole change', (_operation, value, expected) => {
    expect(decodeJson(rowChange, value)).toEqual({
      type: 'change',
      change: {
        position: { topic: 't', partition: 1, offset: 5 },
        version: 6,
        source: { lsn: null, txId: null, committedAtMs },
        ...expected,
      },
    })
  })

  test.each([
    ['no operation', { ...update, operation: undefined }, 'operation-unknown'],
    ['a truncate', { ...update, operation: 'truncate' }, 'operation-unknown'],
    ['an update without the row before', { ...update, before: null }, 'row-missing'],
    ['an update without the row after', { ...update, after: null }, 'row-missing'],
    ['no time', { ...update, recordedAt: 7 }, 'envelope-malformed'],
    ['a row before of another key', { ...update, before: { ...row, id: 'b' } }, 'key-mismatch'],
    ['a row after of another key', { ...update, after: { ...row, id: 'b' } }, 'key-mismatch'],
  ])('with %s is poison', (_what, value, reason) => {
    expect(decodeJson(rowChange, value)).toMatchObject({ type: 'poison', reason })
  })
})

describe.each([
  ['a domain event', domainEvent, placed],
  ['a row change', rowChange, update],
])('%s', (_what, format, value) => {
  const text = JSON.stringify(value)

  test('a null value under a key is a tombstone', () => {
    expect(decodeRaw(format, Buffer.from('a'), null)).toEqual({ type: 'tombstone' })
  })

  test.each([
    ['no key', null, text, 'key-missing'],
    ['an empty key', '', text, 'key-malformed'],
    ['another key', 'b', text, 'key-mismatch'],
    ["Debezium's key", '{"id":"a"}', text, 'key-mismatch'],
    ['a value that is not JSON', 'a', 'not json', 'value-malformed'],
    ['a value that is a list', 'a', '[]', 'value-malformed'],
    ['a number that JSON cannot carry', 'a', text.replaceAll('300', '9007199254740993'), 'number-inexact'],
  ])('with %s is poison', (_case, key, bytes, reason) => {
    expect(decodeRaw(format, key === null ? null : Buffer.from(key), Buffer.from(bytes))).toMatchObject({
      type: 'poison',
      reason,
    })
  })

  test('bytes that are not UTF-8 are poison, not silently replaced', () => {
    const bad = Buffer.from([0xff])
    expect(decodeRaw(format, bad, Buffer.from(text))).toMatchObject({ reason: 'key-malformed' })
    expect(decodeRaw(format, Buffer.from('a'), Buffer.concat([Buffer.from(text), bad]))).toMatchObject({
      reason: 'value-malformed',
    })
  })

  test('never throws, whatever the bytes, and whatever part of it is replaced by whatever', () => {
    const bytes = fc.option(fc.uint8Array().map((array) => Buffer.from(array)))
    const json = fc.jsonValue().map((any) => Buffer.from(JSON.stringify(any)))
    const changed = fc
      .tuple(fc.constantFrom(...Object.keys(value)), fc.jsonValue())
      .map(([field, any]) => Buffer.from(JSON.stringify({ ...value, [field]: any })))
    fc.assert(
      fc.property(fc.oneof(bytes, fc.constant(Buffer.from('a'))), fc.oneof(bytes, json, changed), (key, encoded) => {
        expect(['change', 'tombstone', 'poison']).toContain(decodeRaw(format, key, encoded).type)
      }),
    )
  })
})
