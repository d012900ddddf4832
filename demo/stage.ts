/** Where a demo plays: what it needs of a runtime, and nothing more. */
import type { AuditReport } from '@driftlab/auditor'
import type { LoadOptions } from '../load-tests/load.ts'
import type { Lane, Store } from './result.ts'
import type { AskSink } from './sinks.ts'

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
  readonly k6: LoadOptions['k6']
  /** The sink of each store. */
  readonly sinks: Readonly<Record<Store, AskSink>>
  readonly audit: (onProgress: (lane: string, message: string) => void) => Promise<AuditReport>
  readonly resultsDir: string
}
