/**
 * Audits again and again, and shows the last result as metrics.
 *
 * Invariant: the gauges always show one whole audit. An audit that could not see everything shows as verdict
 * `unknown`, and the age of the last one tells when none ends any more.
 */
import { type Metrics, type Readiness } from '@driftlab/service'
import { Gauge } from 'prom-client'
import { divergenceKinds } from './judge.ts'
import type { AuditReport } from './report.ts'
import type { Verdict } from './verdict.ts'

const verdicts: readonly Verdict[] = ['consistent', 'diverged', 'unknown']

export interface AuditLoop {
  readiness(): Promise<Readiness>
  /** Lets the audit in progress end, and starts no other. */
  stop(): Promise<void>
}

export function startAuditLoop(options: {
  readonly audit: () => Promise<AuditReport>
  readonly intervalMs: number
  readonly metrics: Metrics
  readonly onReport: (report: AuditReport) => void
  readonly onFailure: (error: unknown) => void
}): AuditLoop {
  const show = createGauges(options.metrics)
  const stopping = new AbortController()
  let last: AuditReport | undefined

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      last = await options.audit()
      show(last)
      options.onReport(last)
      await pause(options.intervalMs, stopping.signal)
    }
  }
  const ended = loop().catch(options.onFailure)

  return {
    readiness: () =>
      Promise.resolve({
        ready: last !== undefined,
        checks: {
          lastAudit: last === undefined ? 'the first audit has not ended yet' : last.finishedAt,
          verdict: last?.verdict ?? null,
        },
      }),
    stop: async () => {
      stopping.abort()
      await ended
    },
  }
}

function createGauges({ registry }: Metrics): (report: AuditReport) => void {
  const divergences = new Gauge({
    name: 'driftlab_divergences',
    help: 'Keys on which a derived store and the system of record differ, by the last audit',
    labelNames: ['lane', 'store', 'kind'],
    registers: [registry],
  })
  const verdict = new Gauge({
    name: 'driftlab_audit_verdict',
    help: '1 for the verdict of the last audit of a lane, 0 for the others',
    labelNames: ['lane', 'verdict'],
    registers: [registry],
  })
  const parked = new Gauge({
    name: 'driftlab_audit_parked_records',
    help: 'Records that the sink of a store has set aside',
    labelNames: ['lane', 'store'],
    registers: [registry],
  })
  const undetermined = new Gauge({
    name: 'driftlab_audit_undetermined_keys',
    help: 'Keys of which the last audit could not tell',
    labelNames: ['lane', 'store'],
    registers: [registry],
  })
  const rows = new Gauge({
    name: 'driftlab_audit_source_rows',
    help: 'Rows of the system of record that the last audit read',
    labelNames: ['lane'],
    registers: [registry],
  })
  const duration = new Gauge({
    name: 'driftlab_audit_duration_seconds',
    help: 'How long the last audit took',
    registers: [registry],
  })
  const finished = new Gauge({
    name: 'driftlab_audit_last_timestamp_seconds',
    help: 'When the last audit ended, in seconds since 1970',
    registers: [registry],
  })
  return (report) => {
    for (const [lane, laneReport] of Object.entries(report.lanes)) {
      for (const name of verdicts) verdict.set({ lane, verdict: name }, Number(laneReport.verdict === name))
      rows.set({ lane }, laneReport.sourceRows)
      for (const [store, storeReport] of Object.entries(laneReport.stores)) {
        for (const kind of divergenceKinds) divergences.set({ lane, store, kind }, storeReport.divergences[kind])
        parked.set({ lane, store }, storeReport.parkedRecords.count)
        undetermined.set({ lane, store }, storeReport.undeterminedKeys)
      }
    }
    duration.set(report.durationMs / 1000)
    finished.set(Date.parse(report.finishedAt) / 1000)
  }
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  const done = Promise.withResolvers<undefined>()
  const finish = (): void => {
    clearTimeout(timer)
    signal.removeEventListener('abort', finish)
    done.resolve(undefined)
  }
  const timer = setTimeout(finish, durationMs)
  signal.addEventListener('abort', finish)
  return done.promise
}
