/** One HTML page with every verdict, its tables and its charts. */
import { escapeText, renderChart, renderDocument, renderTable } from '@driftlab/static-page'
import type { Result } from './result.ts'

const style = `
.holds { color: #17803d; font-weight: 600; } .refuted { color: #c02020; font-weight: 600; } .unknown { color: #a05a00; font-weight: 600; }
`

export function renderPage(results: readonly Result[]): string {
  const rows = results.map(
    ({ name, claim, verdict }) =>
      `<tr><td><a href="#${name}">${name}</a></td><td>${escapeText(claim)}</td><td class="${verdict}">${verdict}</td></tr>`,
  )
  return renderDocument({
    title: 'Driftlab: experiments',
    style,
    body: `<table><thead><tr><th>experiment</th><th>claim</th><th>verdict</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table>
${results.map(renderResult).join('\n')}`,
  })
}

function renderResult(result: Result): string {
  const { name, claim, refutedBy, verdict, findings, tables, charts, error } = result
  const versions = Object.entries(result.versions).map(([component, version]) => `${component} ${version}`)
  return `<section id="${name}">
<h2>${name}: <span class="${verdict}">${verdict}</span></h2>
<p>${escapeText(claim)}</p>
<p><small>Refuted by: ${escapeText(refutedBy)}</small></p>
${error === null ? '' : `<pre>${escapeText(error)}</pre>`}
${renderTable({
  title: '',
  head: ['part of the claim', 'verdict', 'because'],
  rows: findings.map((finding) => [finding.statement, finding.verdict, finding.because]),
})}
${findings.map(renderEvidence).join('')}
${tables.map(renderTable).join('\n')}
${charts.map((chart) => `<figure>${renderChart(chart)}</figure>`).join('\n')}
<p><small>${escapeText(
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
  return `<details><summary>Evidence: ${escapeText(statement)}</summary><pre>${escapeText(lines.join('\n'))}</pre></details>\n`
}
