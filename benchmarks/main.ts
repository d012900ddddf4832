/**
 * `make bench`: measures the pipeline on this machine, in a laboratory of its own, and writes `.lab/results/bench.json`.
 *
 *   node benchmarks/main.ts              watching, latency, idle, drain, processor, rebuild
 *   node benchmarks/main.ts idle         only one of them
 *   node benchmarks/main.ts audit        an audit of a million orders, which only runs when it is named
 *   node benchmarks/main.ts page         the live page in Chromium, for twenty minutes; also only when it is named
 *
 * It reports what it measures; a target that is not met is said, and is not an error.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import Table from 'cli-table3'
import { LabError, withScratchLab } from '../infra/native/src/index.ts'
import { measureAudit } from './audit.ts'
import { openBench, type Bench } from './bench.ts'
import { measureDrain } from './drain.ts'
import { measureIdle } from './idle.ts'
import { measureLatency } from './latency.ts'
import { measurePage } from './page.ts'
import { measureProcessor } from './processor.ts'
import { measureRebuild } from './rebuild.ts'
import { describeTarget, isMet, type Result } from './result.ts'
import { measureWatching } from './watching.ts'

const measurements: Readonly<Record<string, (bench: Bench) => Promise<readonly Result[]>>> = {
  watching: measureWatching,
  latency: measureLatency,
  idle: measureIdle,
  drain: measureDrain,
  processor: measureProcessor,
  rebuild: measureRebuild,
  page: measurePage,
  audit: measureAudit,
}
const onlyWhenNamed: ReadonlySet<string> = new Set(['audit', 'page'])

const resultFile = join(import.meta.dirname, '../.lab/results/bench.json')

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interruption.abort(new LabError('interrupted', 'Interrupted; everything that was started is stopped.'))
  })
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof LabError)) throw error
  process.stderr.write(`\n${error.message}\n`)
  process.exitCode = error.code === 'interrupted' ? 130 : 1
}

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => measurements[name] === undefined)
  if (unknown !== undefined) {
    process.stderr.write(
      `There is no benchmark named ${unknown}. There are: ${Object.keys(measurements).join(', ')}.\n`,
    )
    return 64
  }
  const chosen = Object.entries(measurements).filter(([name]) =>
    names.length === 0 ? !onlyWhenNamed.has(name) : names.includes(name),
  )
  const results: Result[] = []
  await withScratchLab({ name: 'bench', signal: interruption.signal }, async (opened) => {
    const bench = await openBench(opened, (message) => {
      process.stdout.write(`  ${message}\n`)
    })
    const interrupted = new Promise<never>((_resolve, reject) => {
      interruption.signal.addEventListener('abort', () => {
        reject(interruption.signal.reason as Error)
      })
    })
    try {
      for (const [name, measure] of chosen) {
        process.stdout.write(`\n== ${name}\n`)
        const measured = await Promise.race([measure(bench), interrupted])
        // At once: what comes next may fail, and minutes of measuring would be lost.
        process.stdout.write(`${render(measured)}\n`)
        results.push(...measured)
      }
    } finally {
      await bench.close()
    }
  })
  const report = {
    schemaVersion: 1,
    measuredAt: new Date().toISOString(),
    machine: { cores: cpus().length, model: cpus()[0]?.model ?? '', memoryBytes: totalmem(), node: process.version },
    results,
  }
  await mkdir(join(resultFile, '..'), { recursive: true })
  await writeFile(resultFile, `${JSON.stringify(report, null, 2)}\n`)
  process.stdout.write(`\n${render(results)}\nWritten to .lab/results/bench.json\n`)
  return 0
}

function render(results: readonly Result[]): string {
  const table = new Table({ head: ['measured', 'value', 'unit', 'target', ''], style: { head: [], border: [] } })
  for (const result of results) {
    const met = isMet(result)
    table.push([
      result.name,
      result.value.toFixed(result.value < 100 ? 1 : 0),
      result.unit,
      describeTarget(result.target),
      met === undefined ? '' : met ? 'met' : 'NOT MET',
    ])
  }
  return table.toString()
}
