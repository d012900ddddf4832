/** Where a demo plays, and the end-to-end tests: what they need of a runtime beside its `Lab`, and nothing more. */
import type { AuditOptions, AuditReport } from '@driftlab/auditor'
import type { LoadOptions } from '../load-tests/load.ts'
import type { Lane } from './result.ts'
import type { AskSink, SinkName } from './sinks.ts'

export interface Stage {
  /** Whether anything of it runs. */
  isRunning(): Promise<boolean>
  /** Starts everything, with its progress shown. @param options.fresh with empty stores: whatever they hold is deleted. */
  bringUp(options: { readonly fresh: boolean; readonly signal: AbortSignal }): Promise<void>
  takeDown(): Promise<void>
  /** What a person types to stop it. */
  readonly stopCommand: string
  /** The addresses of a lane's instances, as this machine reaches them. */
  readonly baseUrls: (lane: Lane) => readonly string[]
  readonly dashboardUrl: string
  readonly k6: LoadOptions['k6']
  /** An instance of a sink, counted from 1; see `Lab.scale`. */
  readonly ask: (sink: SinkName, instance?: number) => AskSink
  readonly audit: (options: StageAudit) => Promise<AuditReport>
  readonly resultsDir: string
}

export interface StageAudit extends Pick<AuditOptions, 'examplesMax'> {
  readonly lanes: readonly Lane[]
  readonly onProgress?: (lane: string, message: string) => void
}
