import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decode, parseOffset, type Decoded } from './index.ts'

const options = { format: 'maxwell', table: { schema: 'test', name: 'e' }, epoch: 0 } as const

// The example of Maxwell's own documentation, "Data format".
const common = { database: 'test', table: 'e' }
const key = { ...common, 'pk.id': 1 }
const light = 'I am a creature of light.'
const inserted = { id: 1, m: 4.2341, c: '2016-10-21 05:33:37.523000', comment: light }
const updated = { id: 1, m: 5.444, c: '2016-10-21 05:33:54.631000', comment: light }
const old = { m: 4.2341, c: '2016-10-21 05:33:37.523000' }
const insert = { ...common, type: 'insert', ts: 1_477_053_217, xid: 23_396, commit: true, data: inserted }
const update = { ...common, type: 'update', ts: 1_477_053_234, xid: 23_397, commit: true, data: updated, old }

function decodeRaw(keyBytes: Buffer | null, value: Buffer | null): Decoded {
  return decode({ topic: 't', partition: 1, offset: parseOffset(5), key: keyBytes, value }, options)
}
function decodeJson(value: unknown, itsKey: unknown = key): Decoded {
  return decodeRaw(Buffer.from(JSON.stringify(itsKey)), Buffer.from(JSON.stringify(value)))
}

describe('a record of Maxwell', () => {
  test('that inserts carries the row, its position, its version and when it was committed, to the second', () => {
    expect(decodeJson(insert)).toEqual({
      type: 'change',
      change: {
        kind: 'insert',
        position: { topic: 't', partition: 1, offset: 5 },
        version: 6,
        source: { lsn: null, txId: 23_396, committedAtMs: 1_477_053_217_000 },
        after: inserted,
      },
    })
  })

  test('that updates carries both rows whole, though it says of the old one only what changed', () => {
    expect(decodeJson(update)).toMatchObject({ change: { kind: 'update', before: inserted, after: updated } })
  })

  test('that deletes carries the row as it was', () => {
    expect(decodeJson({ ...insert, type: 'delete', data: updated })).toMatchObject({
      change: { kind: 'delete', before: updated },
    })
  })

  test('that a bootstrap read is a snapshot', () => {
    const read = { ...common, type: 'bootstrap-insert', ts: 1_450_557_744, data: inserted }
    expect(decodeJson(read)).toMatchObject({ change: { kind: 'snapshot', after: inserted, source: { txId: null } } })
  })

  test.each(['bootstrap-start', 'bootstrap-complete'])('%s is about no row', (type) => {
    const markerKey = { ...common, _uuid: 'f0a1' }
    expect(decodeJson({ ...common, type, ts: 1_450_557_744, data: {} }, markerKey)).toEqual({ type: 'marker' })
  })

  test('may name its key in small letters, whatever the column is called', () => {
    const shouted = { ...insert, data: { ID: 1, m: 2 } }
    expect(decodeJson(shouted)).toMatchObject({ type: 'change' })
    expect(decodeJson(shouted, { ...common, 'pk.id': 2 })).toMatchObject({ reason: 'key-mismatch' })
  })

  test('without a value is a tombstone', () => {
    expect(decodeRaw(Buffer.from(JSON.stringify(key)), null)).toEqual({ type: 'tombstone' })
  })

  test.each([
    ['no key', null, insert, 'key-missing'],
    ['a key that is not JSON', 'e', insert, 'key-malformed'],
    ['a key without a primary key', JSON.stringify({ ...common, _uuid: 'f0a1' }), insert, 'key-malformed'],
    ['a row of another key', JSON.stringify({ ...key, 'pk.id': 2 }), insert, 'key-mismatch'],
    ['an update of the key', JSON.stringify(key), { ...update, old: { id: 9 } }, 'key-mismatch'],
    ['another table', JSON.stringify(key), { ...insert, table: 'f' }, 'table-unexpected'],
    ['another database', JSON.stringify(key), { ...insert, database: 'prod' }, 'table-unexpected'],
    ['a change of the schema', JSON.stringify(key), { ...insert, type: 'table-alter' }, 'operation-unknown'],
    ['no row', JSON.stringify(key), { ...insert, data: null }, 'row-missing'],
    ['an update without what it was', JSON.stringify(key), { ...update, old: undefined }, 'row-missing'],
    ['a time that is none', JSON.stringify(key), { ...insert, ts: '2016' }, 'envelope-malformed'],
    ['a transaction that is none', JSON.stringify(key), { ...insert, xid: 'x' }, 'envelope-malformed'],
  ])('with %s is poison', (_what, itsKey, value, reason) => {
    const bytes = itsKey === null ? null : Buffer.from(itsKey)
    expect(decodeRaw(bytes, Buffer.from(JSON.stringify(value)))).toMatchObject({ type: 'poison', reason })
  })

  test('with a number that JSON cannot carry is poison', () => {
    const text = JSON.stringify({ ...insert, data: { ...inserted, m: 7 } }).replace('"m":7', '"m":9007199254740993')
    expect(decodeRaw(Buffer.from(JSON.stringify(key)), Buffer.from(text))).toMatchObject({ reason: 'number-inexact' })
  })

  test('never makes the decoder throw, whatever part of it is replaced by whatever', () => {
    const part = fc.constantFrom('database', 'type', 'ts', 'xid', 'data', 'old')
    fc.assert(
      fc.property(part, fc.jsonValue(), fc.jsonValue(), (field, value, itsKey) => {
        const known = ['change', 'marker', 'poison']
        expect(known).toContain(decodeJson({ ...update, [field]: value }).type)
        expect(known).toContain(decodeJson(update, itsKey).type)
      }),
      // Seen: something that cannot be made text.
      { examples: [['database', { toString: {} }, []]] },
    )
  })
})

test('what Maxwell 1.44.0 wrote of a few orders in MariaDB 10.11 is read whole', () => {
  const lines = readFileSync(join(import.meta.dirname, 'maxwell-1.44.0.recorded.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
  const decoded = lines.map((line, index) => {
    const record = JSON.parse(line) as { readonly key: string; readonly value: string }
    const bytes = { key: Buffer.from(record.key), value: Buffer.from(record.value) }
    return decode(
      { topic: 't', partition: 0, offset: parseOffset(index), ...bytes },
      { format: 'maxwell', table: { schema: 'binlog', name: 'orders' }, epoch: 0 },
    )
  })
  expect(decoded.map((one) => (one.type === 'change' ? one.change.kind : one.type))).toEqual([
    ...['insert', 'insert', 'update', 'update', 'delete'],
    ...['marker', 'snapshot', 'marker'],
  ])
  expect(decoded[0]).toMatchObject({
    change: { after: { total_cents: Number.MAX_SAFE_INTEGER, note: "漢字 👩‍🚀 e\u0301 \u2028 \u0001 '\\", revision: 1 } },
  })
  expect(decoded[3]).toMatchObject({
    change: { before: { status: 'paid', revision: 2, currency: 'EUR' }, after: { status: 'shipped', revision: 3 } },
  })
})
