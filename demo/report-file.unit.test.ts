import { describe, expect, test } from '@jest/globals'
import { renderReportMarkdown, renderReportPage } from './report-file.ts'
import { differing, result, same } from './result-for-tests.ts'
import type { DemoResult, Example } from './result.ts'

const page = renderReportPage(result)
const markdown = renderReportMarkdown(result)
const both = [page, markdown] as const

function withExample(example: Example): DemoResult {
  return { ...result, lanes: { ...result.lanes, 'dual-write': { ...result.lanes['dual-write'], examples: [example] } } }
}
const [raced] = result.lanes['dual-write'].examples

describe('the report to keep', () => {
  test.each([
    'diverged',
    'consistent',
    'seed 7',
    '200 changes a second',
    '2 cores',
    'kafka 4.0.0',
    'Dual writes, order one',
  ])('says %s, as a page and as Markdown', (text) => {
    for (const report of both) expect(report).toContain(text)
  })

  test('says who overtook whom, and the page draws it', () => {
    for (const report of both) expect(report).toContain('PostgreSQL committed write A before write B')
    expect(page).toMatch(/<svg class="writes"[^]*<polyline points="[^"]+"/)
    expect(markdown).toContain('| 8.00 ms | 9.00 ms | A ')
  })

  test('draws how many orders differed while it ran, and says when nobody saw it', () => {
    expect(page.match(/<figure><svg/g)).toHaveLength(2)
    const blind = renderReportPage({ ...result, timeline: [] })
    expect(blind).not.toContain('<figure>')
    expect(blind).toContain('there is no curve')
  })

  test('needs no server and runs nothing', () => {
    expect(page).not.toMatch(/<script|(?:src|href)="(?!#)|@import|url\((?!#)/)
  })

  test('escapes what came from outside', () => {
    const hostile: Example = { ...example(), id: '<img src=x onerror=alert(1)>' }
    expect(renderReportPage(withExample(hostile))).not.toContain('<img')
  })

  test('explains nothing of an order whose writes nobody remembers', () => {
    const forgotten = renderReportMarkdown(
      withExample({ ...example(), writes: { instances: 2, silent: 2, writes: [] } }),
    )
    expect(forgotten).toContain('nobody remembers the write that PostgreSQL holds')
    expect(forgotten).toContain('2 of 2 instances of the service did not answer')
  })

  test('has nothing to explain in a lane where the log carries the writes', () => {
    const ofLog = renderReportMarkdown(withExample({ ...example(), writes: null }))
    expect(ofLog).not.toContain('order one')
  })
})

function example(): Example {
  if (raced === undefined) throw new Error('the sample has an example')
  return { ...raced, stores: { redis: differing('stale', { note: 'old' }), elasticsearch: same, clickhouse: same } }
}
