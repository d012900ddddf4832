import { describe, expect, test } from '@jest/globals'
import { markdownTable, renderChart, renderDocument, renderTable } from './index.ts'

const hostile = '<script>alert("1")</script> & more'

describe('a report that stands for itself', () => {
  test.each(['line', 'bar'] as const)('a chart of kind %s shows every series, and no script', (kind) => {
    const svg = renderChart({
      ...{ title: 'Speed', kind, x: 'clients', y: 'ms', yScale: 'linear' },
      series: [
        {
          name: 'slow',
          points: [
            { x: 1, y: 10, low: 8, high: 13 },
            { x: 2, y: 20 },
          ],
        },
        { name: 'fast', points: [{ x: 2, y: 5 }] },
      ],
    })
    for (const text of ['Speed', 'clients', 'ms', 'slow', 'fast']) expect(svg).toContain(text)
    expect(svg).not.toContain('<script')
  })

  test('escapes the texts of a document and of a table', () => {
    const page = renderDocument({
      title: hostile,
      body: renderTable({ title: hostile, head: [hostile], rows: [[hostile]] }),
    })
    expect(page).not.toContain('<script')
    expect(page.match(/&lt;script&gt;alert\(&quot;1&quot;\)&lt;\/script&gt; &amp; more/g)).toHaveLength(5)
  })

  test('loads nothing', () => {
    expect(renderDocument({ title: 'x', body: '' })).not.toMatch(/(?:src|href)=|url\(|@import/)
  })

  test('a table of Markdown keeps its columns, whatever is in its cells', () => {
    expect(markdownTable({ head: ['a', 'long head'], rows: [['x|y', 'line\nline']] })).toBe(
      ['| a    | long head |', '| ---- | --------- |', '| x\\|y | line line |'].join('\n'),
    )
  })
})
