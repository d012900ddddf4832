/**
 * The audit of a million orders in every store: how long it takes and how much memory, in a process of its own, as a
 * user runs it. Not part of a plain `make bench`, because writing the million takes minutes.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { AuditReport } from '@driftlab/auditor'
import { peakResidentBytes } from '../infra/native/src/processes.ts'
import type { Bench } from './bench.ts'
import { insertOrders } from './orders.ts'
import type { Result } from './result.ts'

const orders = 1_000_000
const auditor = join(import.meta.dirname, '../services/auditor/src/main.ts')
const residentSampleMs = 250

export async function measureAudit(bench: Bench): Promise<readonly Result[]> {
  await insertOrders(bench.postgres, orders, (done) => {
    if (done % 100_000 === 0) bench.say(`${done} of ${orders} orders written`)
  })
  await bench.drained()
  bench.say('auditing them in three stores')
  const { report, residentMib } = await runAuditor(bench)
  const lane = report.lanes['cdc']
  if (report.verdict !== 'consistent' || lane === undefined || lane.sourceRows < orders) {
    throw new Error(`The audit of ${lane?.sourceRows ?? 0} orders ended ${report.verdict}: ${lane?.doubts.join('; ')}`)
  }
  return [
    { name: 'audit.orders', value: (lane.sourceRows * 1_000) / lane.durationMs, unit: 'orders/s', target: null },
    { name: 'audit.duration', value: lane.durationMs / 1_000, unit: 's', target: null, orders: lane.sourceRows },
    { name: 'memory.auditor', value: residentMib, unit: 'MiB', target: { below: 250 } },
  ]
}

async function runAuditor({
  opened: { settings, layout },
}: Bench): Promise<{ readonly report: AuditReport; readonly residentMib: number }> {
  const child = spawn(process.execPath, [auditor, '--lane', 'cdc', '--json', '-'], {
    env: { ...process.env, ...settings, LAB_ENV_FILE: layout.envFile },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let peakBytes = 0
  const sample = setInterval(() => {
    peakBytes = (child.pid === undefined ? undefined : peakResidentBytes(child.pid)) ?? peakBytes
  }, residentSampleMs)
  try {
    const closed = once(child, 'close')
    const json = await new Response(child.stdout).text()
    await closed
    return { report: JSON.parse(json) as AuditReport, residentMib: peakBytes / 2 ** 20 }
  } finally {
    clearInterval(sample)
    child.kill()
  }
}
