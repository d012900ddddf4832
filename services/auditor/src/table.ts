/**
 * A report for people: a table of stores by kinds, the reasons of doubt, what is parked, and examples. Pure.
 */
import Table from 'cli-table3'
import { divergenceKinds } from './judge.ts'
import type { AuditReport, Example, ExampleStore, LaneReport } from './report.ts'

export interface RenderOptions {
  readonly color: boolean
}

export function renderReport(report: AuditReport, { color }: RenderOptions): string {
  const paint = painter(color)
  const table = new Table({
    head: ['lane', 'store', 'compared', ...divergenceKinds, 'verdict'],
    colAligns: ['left', 'left', 'right', ...divergenceKinds.map(() => 'right' as const), 'left'],
    style: { head: [], border: [] },
  })
  for (const [name, lane] of Object.entries(report.lanes)) {
    for (const [store, { comparedKeys, divergences, verdict }] of Object.entries(lane.stores)) {
      const counts = divergenceKinds.map((kind) => {
        const count = divergences[kind]
        return count === 0 ? '0' : paint('red', String(count))
      })
      table.push([name, store, String(comparedKeys), ...counts, paint(colorOf(verdict), verdict)])
    }
  }
  const lanes = Object.entries(report.lanes).flatMap(([name, lane]) => renderLane(name, lane))
  const seconds = (report.durationMs / 1000).toFixed(1)
  return [
    table.toString(),
    ...lanes,
    '',
    `Verdict: ${paint(colorOf(report.verdict), report.verdict)}, after ${seconds} s`,
    '',
  ].join('\n')
}

function renderLane(name: string, lane: LaneReport): readonly string[] {
  const watermark = lane.watermark === null ? '' : `, watermark ${lane.watermark}`
  const lines = ['', `${name}: ${lane.sourceRows} rows in the source, ${lane.verdict}${watermark}`]
  for (const doubt of lane.doubts) lines.push(`  in doubt: ${doubt}`)
  for (const [store, { parkedRecords }] of Object.entries(lane.stores)) {
    for (const [reason, count] of Object.entries(parkedRecords.reasons)) {
      lines.push(`  parked before ${store}: ${count} x ${reason}`)
    }
    for (const { topic, partition, offset, key } of parkedRecords.samples) {
      lines.push(`    ${topic} partition ${partition} offset ${offset}${key === null ? '' : `, key ${key}`}`)
    }
  }
  for (const example of lane.examples) lines.push('', ...renderExample(example))
  return lines
}

function renderExample({ key, source, stores }: Example): readonly string[] {
  const inSource =
    source.state === 'present'
      ? `revision ${source.revision}`
      : source.state === 'deleted'
        ? `deleted ${source.deletedAt}, last at revision ${source.revision}`
        : 'not there, and never was'
  return [`  ${key}`, `    source: ${inSource}`, ...Object.entries(stores).flatMap(renderStore)]
}

const shownDifferencesMax = 4

function renderStore([name, store]: readonly [string, ExampleStore]): readonly string[] {
  const revision = store.revision === null ? store.holds : `revision ${store.revision}`
  if (store.status === 'same') return [`    ${name}: ${revision}, as it should be`]
  if (store.status === 'unobserved') return [`    ${name}: not observed`]
  const lines = [`    ${name}: ${store.status}, ${revision}${store.reason === null ? '' : ` (${store.reason})`}`]
  for (const { field, source, store: held } of store.differences.slice(0, shownDifferencesMax)) {
    lines.push(`      ${field}: ${oneLine(held)} instead of ${oneLine(source)}`)
  }
  const hidden = store.differences.length - shownDifferencesMax
  return hidden > 0 ? [...lines, `      and ${hidden} more fields`] : lines
}

function oneLine(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}

type Color = 'red' | 'green' | 'yellow'

function colorOf(verdict: AuditReport['verdict']): Color {
  switch (verdict) {
    case 'consistent':
      return 'green'
    case 'diverged':
      return 'red'
    case 'unknown':
      return 'yellow'
  }
}

function painter(color: boolean): (name: Color, text: string) => string {
  const codes = { red: 31, green: 32, yellow: 33 } as const
  return (name, text) => (color ? `\u001b[${codes[name]}m${text}\u001b[0m` : text)
}
