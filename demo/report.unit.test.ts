import { describe, expect, test } from '@jest/globals'
import { formatExample, formatReport } from './report.ts'
import { differing, result, same } from './result-for-tests.ts'
import { demoResultSchema } from './result.ts'

/** The cells of each line that is a row of a table. */
function cells(text: string): readonly string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('│'))
    .map((line) =>
      line
        .split('│')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

describe('the report', () => {
  test('the sample is a result', () => {
    expect(demoResultSchema.parse(result)).toEqual(result)
  })

  test('has a row for each lane and store with the count of each kind', () => {
    const rows = cells(formatReport(result))
    expect(rows).toContainEqual(['dual-write', '2400', 'Redis', '0', '2', '0', '0', '0', '0', 'diverged'])
    expect(rows).toContainEqual(['', '', 'Elasticsearch', '0', '0', '0', '1', '0', '0', ''])
    expect(rows).toContainEqual(['cdc', '2400', 'Redis', '0', '0', '0', '0', '0', '0', 'consistent'])
  })

  test('gives the latency of the request and of each store, and says where there is none of its own', () => {
    const rows = cells(formatReport(result))
    expect(rows).toContainEqual(['cdc', ...Array.from({ length: 4 }, () => '4.2 / 18 / 60')])
    expect(rows).toContainEqual([
      'dual-write',
      '4.2 / 18 / 60',
      ...Array.from({ length: 3 }, () => 'within the request'),
    ])
  })

  test('gives the lag with its units', () => {
    expect(formatReport(result)).toMatch(/3 records \(14 ms\) behind the log; 120 ms later/)
  })
})

describe('an example', () => {
  test('shows in one row what each store holds, whatever it calls the field', () => {
    const text = formatExample('dual-write', {
      id: 'one',
      systemOfRecord: 'present',
      stores: {
        redis: differing('stale', { customerName: 'Grace' }),
        elasticsearch: same,
        clickhouse: differing('stale', { customer_name: 'Jim' }),
      },
    })
    expect(cells(text)).toContainEqual(['customerName', 'Ada', 'Grace', '=', 'Jim'])
  })

  test('says so when a store holds an order that was deleted, or holds none at all', () => {
    const resurrected = formatExample('dual-write', {
      id: 'one',
      systemOfRecord: 'deleted',
      stores: { redis: differing('resurrected', {}), elasticsearch: same, clickhouse: same },
    })
    expect(cells(resurrected)).toContainEqual(['the order', 'deleted', 'resurrected', '=', '='])
    const missing = formatExample('dual-write', {
      id: 'one',
      systemOfRecord: 'present',
      stores: { redis: differing('stale', { note: 'old' }), elasticsearch: differing('missing', {}), clickhouse: same },
    })
    expect(cells(missing)).toContainEqual(['the order', 'present', '=', 'missing', '='])
    expect(cells(missing)).toContainEqual(['note', 'Ada', 'old', 'missing', '='])
  })

  test('a long value is cut', () => {
    const text = formatExample('dual-write', {
      id: 'one',
      systemOfRecord: 'present',
      stores: { redis: differing('stale', { note: 'x'.repeat(500) }), elasticsearch: same, clickhouse: same },
    })
    expect(text).not.toContain('x'.repeat(40))
    expect(text).toContain('xxx…')
  })
})
