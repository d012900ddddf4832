/**
 * The result of a demo as a file to keep: an HTML page that needs no server, and the same as Markdown. Pure: nothing in them
 * that is not in the result.
 */
import { dissect, layOut, stepsOf, type Anatomy, type Drawing } from '@driftlab/anatomy'
import {
  escapeText,
  markdownTable,
  renderChart,
  renderDocument,
  renderTable,
  type Chart,
  type Table,
} from '@driftlab/static-page'
import { conclusionOf } from './conclusion.ts'
import { formatLatency, storeTitles } from './report.ts'
import { divergenceKinds, lanes, stores, type DemoResult, type Example, type Lane } from './result.ts'

const laneTitles = { 'dual-write': 'Dual writes', cdc: 'Change data capture' } as const satisfies Record<Lane, string>

const style = `
.consistent { color: #17803d; font-weight: 600; } .diverged { color: #c02020; font-weight: 600; } .unknown { color: #a05a00; font-weight: 600; }
.writes { background: #fff; border-radius: 6px; width: 100%; height: auto; font: 13px system-ui, sans-serif; }
.writes .tick path { stroke: #ccc; } .writes .tick text { fill: #555; }
.writes polyline { fill: none; stroke: currentcolor; stroke-width: 1.5; } .writes rect { fill: currentcolor; }
.writes .failed rect, .writes .pending rect { fill: #fff; stroke: #b3261e; stroke-width: 2; stroke-dasharray: 3 2; }
.writes .mark { fill: currentcolor; font-weight: 600; }
.writer-0 { color: #b23b0a; } .writer-1 { color: #0b6b63; } .writer-2 { color: #1d4ed8; }
`

export function renderReportPage(result: DemoResult): string {
  const verdicts = lanes.map(
    (lane) => `${laneTitles[lane]}: <span class="${result.lanes[lane].verdict}">${result.lanes[lane].verdict}</span>`,
  )
  return renderDocument({
    title: 'Driftlab: the same orders, written in two ways',
    style,
    body: [
      `<p>${verdicts.join('<br>')}</p>`,
      ...conclusionOf(result.lanes)
        .split('\n')
        .map((line) => `<p>${escapeText(line)}</p>`),
      ...tablesOf(result).map(renderTable),
      '<h2>While it ran</h2>',
      ...chartsOf(result).map((chart) => `<figure>${renderChart(chart)}</figure>`),
      ...(result.timeline.length === 0 ? ['<p>The dashboard did not answer: there is no curve.</p>'] : []),
      '<h2>How some of them came about</h2>',
      ...anatomies(result).map(renderAnatomy),
      `<p><small>${escapeText(originOf(result))}</small></p>`,
    ].join('\n'),
  })
}

export function renderReportMarkdown(result: DemoResult): string {
  const verdicts = lanes.map((lane) => `- ${laneTitles[lane]}: **${result.lanes[lane].verdict}**`)
  return [
    '# Driftlab: the same orders, written in two ways',
    verdicts.join('\n'),
    conclusionOf(result.lanes).split('\n').join('\n\n'),
    ...tablesOf(result).map((table) => `## ${table.title}\n\n${markdownTable(table)}`),
    '## How some of them came about',
    ...anatomies(result).map(({ title, anatomy }) =>
      [
        `### ${title}`,
        anatomy.explanations.map(({ text }) => `- ${text}`).join('\n'),
        ...(anatomy.caveat === '' ? [] : [`Keep in mind: ${anatomy.caveat}.`]),
        ...(anatomy.writers.length === 0 ? [] : [markdownTable({ head: stepsHead, rows: stepsOf(anatomy) })]),
      ].join('\n\n'),
    ),
    originOf(result),
    '',
  ].join('\n\n')
}

const stepsHead = ['from', 'to', 'write', 'store', 'outcome']

function tablesOf(result: DemoResult): readonly Table[] {
  const divergences = lanes.flatMap((lane) =>
    stores.map((store) => {
      const { orders, stores: found, verdict } = result.lanes[lane]
      const counts = divergenceKinds.map((kind) => String(found[store].divergences[kind]))
      return [laneTitles[lane], String(orders), storeTitles[store], ...counts, verdict]
    }),
  )
  const latencies = lanes.map((lane) => {
    const { http, stores: found } = result.lanes[lane]
    return [
      laneTitles[lane],
      formatLatency(http.latencyMs),
      ...stores.map((store) => formatLatency(found[store].latencyMs)),
    ]
  })
  return [
    {
      title: 'Orders that differ from PostgreSQL',
      head: ['lane', 'orders', 'store', ...divergenceKinds, 'verdict of the lane'],
      rows: divergences,
    },
    {
      title: 'Latency in ms: p50 / p99 / max',
      head: ['lane', 'the request', ...stores.map((store) => `commit to ${storeTitles[store]}`)],
      rows: latencies,
    },
  ]
}

function chartsOf({ timeline }: DemoResult): readonly Chart[] {
  const [first] = timeline
  if (first === undefined) return []
  const chart = (title: string, y: string, of: 'divergedKeys' | 'writesPerSecond'): Chart => ({
    title,
    kind: 'line',
    x: 'seconds',
    y,
    series: lanes.map((lane) => ({
      name: laneTitles[lane],
      points: timeline.flatMap(({ atMs, lanes: at }) => {
        const value = at[lane][of]
        return value === null ? [] : [{ x: Math.round((atMs - first.atMs) / 1_000), y: value }]
      }),
    })),
  })
  return [
    chart('Orders that differ from PostgreSQL', 'orders', 'divergedKeys'),
    chart('Writes a second', 'writes', 'writesPerSecond'),
  ]
}

interface TitledAnatomy {
  readonly title: string
  readonly anatomy: Anatomy
}

function anatomies(result: DemoResult): readonly TitledAnatomy[] {
  return lanes.flatMap((lane) =>
    result.lanes[lane].examples.flatMap((example) => {
      const anatomy = anatomyOf(example)
      return anatomy === undefined ? [] : [{ title: `${laneTitles[lane]}, order ${example.id}`, anatomy }]
    }),
  )
}

function anatomyOf({ systemOfRecord, revision, stores: held, writes }: Example): Anatomy | undefined {
  if (writes === null) return undefined
  return dissect(
    {
      source: { state: systemOfRecord, revision: revision ?? undefined },
      stores: Object.fromEntries(
        stores.map((store) => {
          const { status, holds, revision: ofStore } = held[store]
          return [store, { status, holds: holds === null ? 'absent' : 'present', revision: ofStore }]
        }),
      ),
    },
    writes,
  )
}

function renderAnatomy({ title, anatomy }: TitledAnatomy): string {
  return `<section><h3>${escapeText(title)}</h3>
<ul>${anatomy.explanations.map(({ text }) => `<li>${escapeText(text)}</li>`).join('')}</ul>
${anatomy.caveat === '' ? '' : `<p>Keep in mind: ${escapeText(anatomy.caveat)}.</p>`}
${anatomy.writers.length === 0 ? '' : renderDrawing(layOut(anatomy))}
${
  anatomy.writers.length === 0
    ? ''
    : `<details><summary>The same as a table</summary>${renderTable({ title: '', head: stepsHead, rows: stepsOf(anatomy) })}</details>`
}</section>`
}

function renderDrawing({ width, height, ticks, rows, paths }: Drawing): string {
  const text = (x: number, y: number, content: string, attributes = ''): string =>
    `<text x="${x}" y="${y}" ${attributes}>${escapeText(content)}</text>`
  return `<svg class="writes" viewBox="0 0 ${width} ${height}" role="img" aria-label="The writes on an axis of time; the table below says the same">
${ticks.map(({ x, fromY, toY, text: label }) => `<g class="tick"><path d="M${x} ${fromY} V${toY}"/>${text(x, fromY - 8, label, 'text-anchor="middle"')}</g>`).join('')}
${rows.map(({ y, title, titleX, holder, holderX }) => text(titleX, y, title, 'text-anchor="end"') + text(holderX, y, holder)).join('')}
${paths
  .map(
    ({ points, bars }, index) =>
      `<g class="writer-${index % 3}"><polyline points="${points}"/>${bars
        .map(
          ({ x, y, width: length, height: thickness, outcome, mark, markX, markY }) =>
            `<g class="${outcome}"><rect x="${x}" y="${y}" width="${length}" height="${thickness}" rx="2"/>${text(markX, markY, mark, 'class="mark"')}</g>`,
        )
        .join('')}</g>`,
  )
  .join('\n')}
</svg>
<p>${paths.map(({ caption }, index) => `<span class="writer-${index % 3}">${escapeText(caption)}</span>`).join('<br>')}</p>`
}

function originOf({
  startedAt,
  finishedAt,
  seed,
  rate,
  durationMs,
  machine,
  versions,
  freshStart,
}: DemoResult): string {
  return [
    `${startedAt} to ${finishedAt}`,
    `seed ${seed}, ${rate} changes a second for ${durationMs / 1_000} s on each lane`,
    freshStart ? 'the stores were empty before' : 'the stores held orders of earlier loads',
    `${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${machine.platform}, Node ${machine.node}`,
    ...Object.entries(versions).map(([name, version]) => `${name} ${version}`),
  ].join('; ')
}
