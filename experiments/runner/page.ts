/**
 * One HTML page with every verdict, its tables and its charts. It stands for itself: no script, nothing to load, so it
 * can be kept, mailed and opened in ten years.
 */
import { init, type EChartsOption, type SeriesOption } from 'echarts'
import type { Result } from './result.ts'

const width = 720
const height = 360

export function renderPage(results: readonly Result[]): string {
  const rows = results.map(
    ({ name, claim, verdict }) =>
      `<tr><td><a href="#${name}">${name}</a></td><td>${escape(claim)}</td><td class="${verdict}">${verdict}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Driftlab: experiments</title>
<style>
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 0.9rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.9rem 0.3rem 0; border-bottom: 1px solid var(--line); }
.holds { color: #17803d; font-weight: 600; } .refuted { color: #c02020; font-weight: 600; } .unknown { color: #a05a00; font-weight: 600; }
figure { margin: 1.5rem 0; background: #fff; border-radius: 6px; overflow-x: auto; }
pre { overflow-x: auto; font-size: 0.8rem; background: #8881; padding: 0.8rem; border-radius: 6px; }
small { opacity: 0.75; }
</style>
</head>
<body>
<h1>Driftlab: experiments</h1>
<table><thead><tr><th>experiment</th><th>claim</th><th>verdict</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table>
${results.map(renderResult).join('\n')}
</body>
</html>
`
}

function renderResult(result: Result): string {
  const { name, claim, refutedBy, verdict, findings, tables, charts, error } = result
  const versions = Object.entries(result.versions).map(([component, version]) => `${component} ${version}`)
  return `<section id="${name}">
<h2>${name}: <span class="${verdict}">${verdict}</span></h2>
<p>${escape(claim)}</p>
<p><small>Refuted by: ${escape(refutedBy)}</small></p>
${error === null ? '' : `<pre>${escape(error)}</pre>`}
${renderTable({
  title: '',
  head: ['part of the claim', 'verdict', 'because'],
  rows: findings.map((finding) => [finding.statement, finding.verdict, finding.because]),
})}
${findings.map(renderEvidence).join('')}
${tables.map(renderTable).join('\n')}
${charts.map((chart) => `<figure>${renderChart(chart)}</figure>`).join('\n')}
<p><small>${escape(
    [
      `${result.startedAt}, ${(result.durationMs / 1_000).toFixed(0)} s, seed ${result.seed}${result.quick ? ', quick' : ''}`,
      `${result.entries} entries of history`,
      `${result.machine.cores} cores (${result.machine.model}), Node ${result.machine.node}`,
      ...versions,
    ].join('; '),
  )}</small></p>
</section>`
}

function renderEvidence({ statement, evidence }: Result['findings'][number]): string {
  if (evidence.length === 0) return ''
  const lines = evidence.map((item) => (typeof item === 'string' ? item : JSON.stringify(item)))
  return `<details><summary>Evidence: ${escape(statement)}</summary><pre>${escape(lines.join('\n'))}</pre></details>\n`
}

function renderTable({ title, head, rows }: Result['tables'][number]): string {
  const cells = (row: readonly string[], tag: string): string =>
    `<tr>${row.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`
  return `${title === '' ? '' : `<h3>${escape(title)}</h3>`}
<table><thead>${cells(head, 'th')}</thead><tbody>${rows.map((row) => cells(row, 'td')).join('\n')}</tbody></table>`
}

/** As SVG. An interval of confidence is a thin vertical line through its point. */
export function renderChart(chart: Result['charts'][number]): string {
  const categories = [...new Set(chart.series.flatMap(({ points }) => points.map(({ x }) => String(x))))]
  const series = chart.series.flatMap(({ name, points }): SeriesOption[] => {
    const values = new Map(points.map((point) => [String(point.x), point]))
    const main: SeriesOption = {
      name,
      type: chart.kind,
      data: categories.map((category) => values.get(category)?.y ?? null),
    }
    const withInterval = points.filter(({ low, high }) => low !== undefined && high !== undefined)
    if (withInterval.length === 0 || chart.kind === 'bar') return [main]
    return [
      {
        ...main,
        markLine: {
          symbol: 'none',
          silent: true,
          label: { show: false },
          lineStyle: { type: 'solid', width: 1, opacity: 0.6 },
          data: withInterval.map(({ x, low = 0, high = 0 }) => [
            { coord: [String(x), low] },
            { coord: [String(x), high] },
          ]),
        },
      },
    ]
  })
  const option: EChartsOption = {
    animation: false,
    title: { text: chart.title, left: 'center', textStyle: { fontSize: 14 } },
    legend: { bottom: 0, show: chart.series.length > 1 },
    grid: { left: 70, right: 30, top: 50, bottom: 70 },
    xAxis: { type: 'category', data: categories, name: chart.x, nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: chart.yScale === 'log' ? 'log' : 'value', name: chart.y },
    series,
  }
  const instance = init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    instance.setOption(option)
    return instance.renderToSVGString()
  } finally {
    instance.dispose()
  }
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
