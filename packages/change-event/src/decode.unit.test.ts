import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decode, formatLsn, lsnFromNumber, parseLsn, parseOffset, versionOf, type Decoded } from './index.ts'

const options = { format: 'debezium', table: { schema: 'cdc', name: 'orders' }, epoch: 0 } as const
const row = { id: 'a', note: 'hello', total_cents: 300 }
const source = {
  connector: 'postgresql',
  schema: 'cdc',
  table: 'orders',
  lsn: 23_803_720,
  txId: 7,
  ts_ms: 1_700_000_000_123,
  ts_us: 1_700_000_000_123_456,
}
const update = { before: { ...row, note: 'old' }, after: row, source, op: 'u' }

function decodeRaw(key: Buffer | null, value: Buffer | null): Decoded {
  return decode({ topic: 't', partition: 1, offset: parseOffset(5), key, value }, options)
}
function decodeJson(value: unknown, key: unknown = { id: 'a' }): Decoded {
  return decodeRaw(Buffer.from(JSON.stringify(key)), Buffer.from(JSON.stringify(value)))
}

describe('decode', () => {
  test('an update carries both rows, its position, its version and when it was committed', () => {
    expect(decodeJson(update)).toEqual({
      type: 'change',
      change: {
        kind: 'update',
        position: { topic: 't', partition: 1, offset: 5 },
        version: 6,
        source: { lsn: parseLsn('0/16B3748'), txId: 7, committedAtMs: 1_700_000_000_123.456 },
        before: update.before,
        after: row,
      },
    })
  })

  test('the wrapper of a converter with schemas changes nothing', () => {
    expect(decodeJson({ schema: {}, payload: update }, { schema: {}, payload: { id: 'a' } })).toEqual(
      decodeJson(update),
    )
  })

  test.each([
    ['r', 'snapshot'],
    ['c', 'insert'],
    ['u', 'update'],
  ])('operation %s is a change of kind %s', (op, kind) => {
    expect(decodeJson({ ...update, op })).toMatchObject({ type: 'change', change: { kind } })
  })

  test('a delete carries the row as it was', () => {
    expect(decodeJson({ before: row, after: null, source, op: 'd' })).toMatchObject({
      change: { kind: 'delete', before: row },
    })
  })

  test.each(['mariadb', 'mysql'])('a change of %s is of the table whose database the lane names', (connector) => {
    const gtid = { file: 'mariadb-bin.000002', pos: 1_234, gtid: '0-1-42', ts_ms: 1_700_000_000_000 }
    const binlog = { ...gtid, connector, db: 'cdc', table: 'orders' }
    expect(decodeJson({ ...update, source: binlog })).toMatchObject({
      change: { kind: 'update', source: { lsn: null, txId: null, committedAtMs: 1_700_000_000_000 } },
    })
    expect(decodeJson({ ...update, source: { ...binlog, db: 'other', schema: 'cdc' } })).toMatchObject({
      reason: 'table-unexpected',
    })
  })

  test('a null value under a key is a tombstone', () => {
    expect(decodeRaw(Buffer.from('{"id":"a"}'), null)).toEqual({ type: 'tombstone' })
  })

  test('a snapshot row without an LSN keeps it null', () => {
    expect(decodeJson({ ...update, op: 'r', source: { ...source, lsn: null } })).toMatchObject({
      change: { source: { lsn: null } },
    })
  })

  test.each([
    ['no key', null, JSON.stringify(update), 'key-missing'],
    ['a key that is not JSON', 'a', JSON.stringify(update), 'key-malformed'],
    ['a key of null', 'null', JSON.stringify(update), 'key-malformed'],
    ['a key without columns', '{}', JSON.stringify(update), 'key-malformed'],
    ['a value that is not JSON', '{"id":"a"}', 'not json', 'value-malformed'],
    ['a value that is a list', '{"id":"a"}', '[]', 'value-malformed'],
    ['an empty value', '{"id":"a"}', '', 'value-malformed'],
    ['no source', '{"id":"a"}', '{"op":"u"}', 'envelope-malformed'],
    [
      'a connector whose envelope nobody knows',
      '{"id":"a"}',
      JSON.stringify({ ...update, source: { ...source, connector: undefined } }),
      'envelope-malformed',
    ],
    ['an unknown operation', '{"id":"a"}', JSON.stringify({ ...update, op: 'x' }), 'operation-unknown'],
    ['a truncate', '{"id":"a"}', JSON.stringify({ ...update, op: 't' }), 'operation-unknown'],
    [
      'another table',
      '{"id":"a"}',
      JSON.stringify({ ...update, source: { ...source, table: 'x' } }),
      'table-unexpected',
    ],
    ['an update without the row after', '{"id":"a"}', JSON.stringify({ ...update, after: null }), 'row-missing'],
    [
      'a delete without the row before',
      '{"id":"a"}',
      JSON.stringify({ ...update, before: null, op: 'd' }),
      'row-missing',
    ],
    ['a row of another key', '{"id":"b"}', JSON.stringify(update), 'key-mismatch'],
    [
      'a column that was not in the log',
      '{"id":"a"}',
      JSON.stringify({ ...update, after: { ...row, note: '__debezium_unavailable_value' } }),
      'value-unavailable',
    ],
    [
      'a number that JSON cannot carry',
      '{"id":"a"}',
      JSON.stringify(update).replaceAll('300', '9007199254740993'),
      'number-inexact',
    ],
    [
      'a commit time that is none',
      '{"id":"a"}',
      JSON.stringify({ ...update, source: { ...source, ts_us: 'x', ts_ms: null } }),
      'envelope-malformed',
    ],
  ])('%s is poison', (_what, key, value, reason) => {
    expect(decodeRaw(key === null ? null : Buffer.from(key), Buffer.from(value))).toMatchObject({
      type: 'poison',
      reason,
    })
  })

  test('text that only mentions the placeholder is not poison', () => {
    expect(decodeJson({ ...update, after: { ...row, note: 'see __debezium_unavailable_value' } })).toMatchObject({
      type: 'change',
    })
  })

  test('bytes that are not UTF-8 are poison, not silently replaced', () => {
    const broken = Buffer.concat([
      Buffer.from(JSON.stringify(update).slice(0, -2)),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ])
    expect(decodeRaw(Buffer.from('{"id":"a"}'), broken)).toMatchObject({ type: 'poison', reason: 'value-malformed' })
  })

  test('never throws, whatever the bytes', () => {
    const bytes = fc.option(fc.uint8Array().map((array) => Buffer.from(array)))
    const json = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)))
    fc.assert(
      fc.property(fc.oneof(bytes, json), fc.oneof(bytes, json), (key, value) => {
        expect(['change', 'tombstone', 'poison']).toContain(decodeRaw(key, value).type)
      }),
    )
  })

  test('never throws, whatever part of an envelope is replaced by whatever', () => {
    const part = fc.constantFrom(
      'op',
      'before',
      'after',
      'source',
      'source.lsn',
      'source.txId',
      'source.ts_us',
      'after.id',
    )
    fc.assert(
      fc.property(part, fc.jsonValue(), (path, value) => {
        const [outer = '', inner] = path.split('.')
        const envelope =
          inner === undefined
            ? { ...update, [outer]: value }
            : { ...update, [outer]: { ...(outer === 'source' ? source : row), [inner]: value } }
        expect(['change', 'poison']).toContain(decodeJson(envelope).type)
      }),
    )
  })
})

describe('positions', () => {
  test('an LSN survives being written and read', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (value) => {
        const lsn = lsnFromNumber(value)
        expect(parseLsn(formatLsn(lsn))).toBe(lsn)
      }),
    )
  })

  test.each(['', '0', '0/', '/0', '0/123456789', '0/xyz', '-1/0'])('%j is no LSN', (text) => {
    expect(() => parseLsn(text)).toThrow(RangeError)
  })

  test.each([-1, 1.5, 2 ** 40, Number.NaN, 'x'])('%j is no offset', (value) => {
    expect(() => parseOffset(value)).toThrow(RangeError)
  })

  test('a version rises with the epoch first, then with the offset, and is always a safe integer', () => {
    const position = fc.tuple(
      fc.integer({ min: 0, max: 2 ** 13 - 1 }),
      fc.maxSafeNat().map((value) => value % 2 ** 40),
    )
    fc.assert(
      fc.property(position, position, (a, b) => {
        const [first, second] = [a, b].map(([epoch, offset]) => versionOf(epoch, parseOffset(offset)))
        expect(Number.isSafeInteger(first)).toBe(true)
        expect(Math.sign((first ?? 0) - (second ?? 0))).toBe(Math.sign(a[0] - b[0] || a[1] - b[1]))
      }),
    )
  })
})
