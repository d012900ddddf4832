/**
 * Audits again and again, and shows the last result as metrics.
 *
 * Invariant: the gauges always show one whole audit. Before the first one has ended every verdict is `unknown`, as it
 * is when an audit could not see everything; the age of the last one tells when none ends any more.
 */
import { repeat, type Metrics, type Readiness } from '@driftlab/service'
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

export interface AuditLoopOptions {
  /** The lanes that are audited, each with the names of its stores. */
  readonly lanes: Readonly<Record<string, readonly string[]>>
  readonly audit: () => Promise<AuditReport>
  readonly intervalMs: number
  readonly metrics: Metrics
  readonly onReport: (report: AuditReport) => void
  readonly onFailure: (error: unknown) => void
}

export function startAuditLoop(options: AuditLoopOptions): AuditLoop {
  const show = createGauges(options.metrics, options.lanes)
  let last: AuditReport | undefined

  const auditOnce = async (): Promise<void> => {
    last = await options.audit()
    show(last)
    options.onReport(last)
  }
  const repetition = repeat(auditOnce, options)

  return {
    readiness: () =>
      Promise.resolve({
        ready: last !== undefined,
        checks: {
          lastAudit: last === undefined ? 'the first audit has not ended yet' : last.finishedAt,
          verdict: last?.verdict ?? null,
        },
      }),
    stop: () => repetition.stop(),
  }
}

function createGauges({ registry }: Metrics, lanes: AuditLoopOptions['lanes']): (report: AuditReport) => void {
  const registers = [registry]
  const laneVerdict = new Gauge({
    name: 'driftlab_audit_verdict',
    help: '1 for the verdict of the last audit of a lane, 0 for the others',
    labelNames: ['lane', 'verdict'],
    registers,
  })
  const storeVerdict = new Gauge({
    name: 'driftlab_audit_store_verdict',
    help: '1 for the verdict of the last audit of a store, 0 for the others',
    labelNames: ['lane', 'store', 'verdict'],
    registers,
  })
  const divergences = new Gauge({
    name: 'driftlab_divergences',
    help: 'Keys on which a derived store and the system of record differ, by the last audit',
    labelNames: ['lane', 'store', 'kind'],
    registers,
  })
  const parked = new Gauge({
    name: 'driftlab_audit_parked_records',
    help: 'Records that the sink of a store has set aside',
    labelNames: ['lane', 'store'],
    registers,
  })
  const undetermined = new Gauge({
    name: 'driftlab_audit_undetermined_keys',
    help: 'Keys of which the last audit could not tell',
    labelNames: ['lane', 'store'],
    registers,
  })
  const rows = new Gauge({
    name: 'driftlab_audit_source_rows',
    help: 'Rows of the system of record that the last audit read',
    labelNames: ['lane'],
    registers,
  })
  const duration = new Gauge({
    name: 'driftlab_audit_duration_seconds',
    help: 'How long the last audit took',
    registers,
  })
  const finished = new Gauge({
    name: 'driftlab_audit_last_timestamp_seconds',
    help: 'When the last audit ended, in seconds since 1970',
    registers,
  })

  const showVerdicts = (lane: string, verdictOfLane: Verdict, verdictsOfStores: Readonly<Record<string, Verdict>>) => {
    for (const verdict of verdicts) {
      laneVerdict.set({ lane, verdict }, Number(verdict === verdictOfLane))
      for (const [store, verdictOfStore] of Object.entries(verdictsOfStores)) {
        storeVerdict.set({ lane, store, verdict }, Number(verdict === verdictOfStore))
      }
    }
  }

  for (const [lane, stores] of Object.entries(lanes)) {
    showVerdicts(lane, 'unknown', Object.fromEntries(stores.map((store) => [store, 'unknown'])))
  }
  // A gauge without labels begins at 0, which would be an audit in 1970 that took no time.
  duration.remove()
  finished.remove()

  return (report) => {
    for (const [lane, { verdict, sourceRows, stores }] of Object.entries(report.lanes)) {
      showVerdicts(
        lane,
        verdict,
        Object.fromEntries(Object.entries(stores).map(([store, storeReport]) => [store, storeReport.verdict])),
      )
      rows.set({ lane }, sourceRows)
      for (const [store, storeReport] of Object.entries(stores)) {
        for (const kind of divergenceKinds) divergences.set({ lane, store, kind }, storeReport.divergences[kind])
        parked.set({ lane, store }, storeReport.parkedRecords.count)
        undetermined.set({ lane, store }, storeReport.undeterminedKeys)
      }
    }
    duration.set(report.durationMs / 1000)
    finished.set(Date.parse(report.finishedAt) / 1000)
  }
}
