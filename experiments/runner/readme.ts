/**
 * Writes results into the documents, so that no number in them was typed by hand: each experiment's README holds its
 * last measured result between two marks, docs/strategies.md the table of strategies, and docs/tour.md what all READMEs say.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { markdownTable } from '@driftlab/static-page'
import type { Result } from './result.ts'

const begin = '<!-- result: written by RECORD=1 make experiment -->'
const end = '<!-- end of the result -->'
const root = join(import.meta.dirname, '../..')

/** @throws when a README lacks the marks. */
export async function recordResults(results: readonly Result[]): Promise<void> {
  for (const result of results) {
    await record(join(root, 'experiments', result.name, 'README.md'), renderResult(result))
  }
}

/**
 * Writes the table of strategies from the results of all experiments. @returns the names of those of which there is no
 * full result: then nothing was written, since cells would be missing.
 */
export async function recordStrategies(
  names: readonly string[],
  results: readonly Result[],
): Promise<readonly string[]> {
  const full = results.filter(({ quick, error }) => !quick && error === null)
  const missing = names.filter((name) => !full.some((result) => result.name === name))
  if (missing.length === 0) await record(join(root, 'docs/strategies.md'), renderStrategies(full))
  return missing
}

/** Writes the verdicts of docs/tour.md, as the experiments' READMEs have them. */
export async function recordTour(
  experiments: readonly { readonly name: string; readonly claim: string }[],
): Promise<void> {
  const rows = await Promise.all(
    experiments.map(async ({ name, claim }) => {
      const readme = await readFile(join(root, 'experiments', name, 'README.md'), 'utf8')
      return [`[${name}](../experiments/${name}/README.md)`, claim, ...recordedIn(readme)]
    }),
  )
  await record(join(root, 'docs/tour.md'), markdownTable({ head: ['experiment', 'claim', 'verdict', 'on'], rows }))
}

/** Pure: the verdict and the day of the result that a README holds. */
export function recordedIn(readme: string): readonly [verdict: string, day: string] {
  const match = /^\*\*(holds|refuted|unknown)\*\*, on (\d{4}-\d\d-\d\d),/m.exec(readme)
  return [match?.[1] ?? 'not recorded', match?.[2] ?? '']
}

async function record(file: string, text: string): Promise<void> {
  await writeFile(file, between(await readFile(file, 'utf8'), text))
}

/** Pure: the document with what stands between the marks replaced. @throws when it has no marks. */
export function between(document: string, text: string): string {
  const [before, rest] = document.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined) {
    throw new Error(`The document has no place for a result: ${begin} … ${end}`)
  }
  return `${before}${begin}\n\n${text.trimEnd()}\n\n${end}${after}`
}

/** What so many strategies were put against has a column; what fewer were is told in lines of its own. */
const columnFrom = 4

/**
 * Pure: a table with a row a strategy and a column a thing that many were put against, several facts of one cell standing
 * together; then the other facts, line by line.
 */
export function renderStrategies(results: readonly Result[]): string {
  const facts = results.flatMap((result) => result.facts)
  const byColumn = Map.groupBy(facts, ({ against }) => against)
  const isColumn = (against: string): boolean =>
    new Set(byColumn.get(against)?.map(({ strategy }) => strategy)).size >= columnFrom
  const columns = [...byColumn.keys()].filter(isColumn)
  const inColumns = Map.groupBy(
    facts.filter(({ against }) => isColumn(against)),
    ({ strategy }) => strategy,
  )
  const tables = [
    {
      head: ['strategy', ...columns],
      rows: Array.from(inColumns, ([strategy, own]) => [
        strategy,
        ...columns.map((column) =>
          own
            .filter(({ against }) => against === column)
            .map(({ fact }) => fact)
            .join('; '),
        ),
      ]),
    },
    {
      head: ['against', 'strategy', 'what was seen'],
      rows: facts
        .filter(({ against }) => !isColumn(against))
        .toSorted((left, right) => left.against.localeCompare(right.against))
        .map(({ against, strategy, fact }) => [against, strategy, fact]),
    },
  ]
  const [first] = results
  const days = [...new Set(results.map(({ startedAt }) => startedAt.slice(0, 10)))].toSorted().join(', ')
  const machine = first === undefined ? '' : `${first.machine.cores} cores (${first.machine.model.trim()})`
  return [
    `Measured on ${days}, ${machine}: \`RECORD=1 make experiments\`. An empty cell was not tried.`,
    ...tables.filter((table) => table.rows.length > 0).map(markdownTable),
    '',
  ].join('\n\n')
}

function renderResult(result: Result): string {
  const { name, verdict, findings, tables, machine } = result
  const day = result.startedAt.slice(0, 10)
  const command = `SEED=${result.seed} ${result.quick ? 'QUICK=1 ' : ''}make experiment NAME=${name}`
  return [
    `**${verdict}**, on ${day}, ${machine.cores} cores (${machine.model.trim()}), in ${(result.durationMs / 1_000).toFixed(0)} s: \`${command}\``,
    markdownTable({
      head: ['part of the claim', 'verdict', 'because'],
      rows: findings.map((finding) => [finding.statement, finding.verdict, finding.because]),
    }),
    ...tables.map((table) => `${table.title}:\n\n${markdownTable(table)}`),
    '',
  ].join('\n\n')
}
