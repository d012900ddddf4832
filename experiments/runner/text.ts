/** A result as the terminal shows it. */
import Table from 'cli-table3'
import type { Result } from './result.ts'

const plain = { style: { head: [], border: [] }, wordWrap: true }

export function renderResult(result: Result): string {
  const findings = result.findings.map(
    ({ verdict, statement, because }) => `  ${verdict.padEnd(7)}  ${statement}\n           ${because}`,
  )
  const tables = result.tables.map(({ title, head, rows }) => {
    const table = new Table({ ...plain, head: [...head] })
    table.push(...rows.map((row) => [...row]))
    return `\n${title}\n${table.toString()}`
  })
  return [
    `== ${result.name}: ${result.verdict} (${(result.durationMs / 1_000).toFixed(0)} s)`,
    result.claim,
    ...(result.error === null ? [] : [result.error]),
    ...findings,
    ...tables,
  ].join('\n')
}

export function renderVerdicts(results: readonly Result[]): string {
  const table = new Table({ ...plain, head: ['experiment', 'claim', 'verdict'], colWidths: [25, 75, 10] })
  table.push(...results.map(({ name, claim, verdict }) => [name, claim, verdict]))
  return table.toString()
}
