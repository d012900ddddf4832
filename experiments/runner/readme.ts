/**
 * Writes results into the documents: each experiment's README holds its last measured result between two marks, so that
 * no number in it was typed by hand.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Result } from './result.ts'

const begin = '<!-- result: written by RECORD=1 make experiment -->'
const end = '<!-- end of the result -->'
const folderOf = (name: string): string => join(import.meta.dirname, '..', name)

/** @throws when a README lacks the marks. */
export async function recordResults(results: readonly Result[]): Promise<void> {
  for (const result of results) {
    const file = join(folderOf(result.name), 'README.md')
    await writeFile(file, withResult(await readFile(file, 'utf8'), result))
  }
}

/** Pure: the document with what stands between the marks replaced. */
export function withResult(document: string, result: Result): string {
  const [before, rest] = document.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined) {
    throw new Error(`experiments/${result.name}/README.md has no place for a result: ${begin} … ${end}`)
  }
  return `${before}${begin}\n\n${renderResult(result)}\n${end}${after}`
}

function renderResult(result: Result): string {
  const { name, verdict, findings, tables, machine } = result
  const day = result.startedAt.slice(0, 10)
  const command = `SEED=${result.seed} ${result.quick ? 'QUICK=1 ' : ''}make experiment NAME=${name}`
  return [
    `**${verdict}**, on ${day}, ${machine.cores} cores (${machine.model.trim()}), in ${(result.durationMs / 1_000).toFixed(0)} s: \`${command}\``,
    renderTable({
      head: ['part of the claim', 'verdict', 'because'],
      rows: findings.map((finding) => [finding.statement, finding.verdict, finding.because]),
    }),
    ...tables.map((table) => `${table.title}:\n\n${renderTable(table)}`),
    '',
  ].join('\n\n')
}

/** As prettier would write it, so that a recorded document is well-formed too. */
function renderTable({ head, rows }: Pick<Result['tables'][number], 'head' | 'rows'>): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')))
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`
  const [first = [], ...others] = cells
  return [line(first), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...others.map(line)].join('\n')
}
