import { execFileSync } from 'node:child_process'
import { expect, test } from '@jest/globals'
import { parseOrderRow, toDocument } from './index.ts'

const row = {
  id: '0199aa52-7b6d-7000-8000-000000000001',
  customer_id: 'c',
  customer_name: 'n',
  items: '[{"sku":"s","description":"d","quantity":1,"unitPriceCents":1}]',
  status: 'placed',
  note: '',
  total_cents: 1,
  currency: 'EUR',
  revision: 1,
}

test.each([
  ['PostgreSQL through Debezium', '2026-01-02T03:04:05.678Z'],
  ['node-postgres', new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678))],
  ['MariaDB through Debezium, which counts milliseconds', Date.UTC(2026, 0, 2, 3, 4, 5, 678)],
  ['MariaDB through Maxwell, without a zone', '2026-01-02 03:04:05.678'],
  ['MariaDB through Maxwell, with microseconds', '2026-01-02 03:04:05.678000'],
])('a time of %s is the same instant', (_source, time) => {
  const { createdAt, updatedAt } = toDocument(parseOrderRow({ ...row, created_at: time, updated_at: time }))
  expect([createdAt, updatedAt]).toEqual(['2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678Z'])
})

test('text without a zone is UTC, also where the clocks show another time', () => {
  const dated = { ...row, created_at: '2026-01-02 03:04:05.678', updated_at: '2026-01-02 03:04:05.678' }
  const script = `
    import { parseOrderRow } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)}
    console.log(new Date(2026, 0).getTimezoneOffset(), parseOrderRow(${JSON.stringify(dated)}).created_at.toISOString())`
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    env: { TZ: 'America/Lima' },
  })
  expect(output.trim()).toBe('300 2026-01-02T03:04:05.678Z')
})
