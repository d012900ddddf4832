/**
 * What an audit says, as data. It is an interface: README.md documents it, and `schemaVersion` rises with any change
 * that a reader could trip over.
 */
import type { DivergenceKind } from './judge.ts'
import type { Verdict } from './verdict.ts'

export const reportSchemaVersion = 1

export interface AuditReport {
  readonly schemaVersion: typeof reportSchemaVersion
  readonly startedAt: string
  readonly finishedAt: string
  readonly durationMs: number
  readonly verdict: Verdict
  readonly lanes: Readonly<Record<string, LaneReport>>
}

export interface LaneReport {
  readonly verdict: Verdict
  /** Why something may have stayed unseen; empty unless the verdict could be `unknown`. */
  readonly doubts: readonly string[]
  /** Rows of the system of record that were read. */
  readonly sourceRows: number
  readonly durationMs: number
  /** The newest position in the write-ahead log that the audit waited for; null when it did not have to wait. */
  readonly watermark: string | null
  readonly stores: Readonly<Record<string, StoreReport>>
  /** Keys on which stores differ, chosen so that every kind is shown before any is shown twice. */
  readonly examples: readonly Example[]
}

export interface StoreReport {
  readonly verdict: Verdict
  readonly doubts: readonly string[]
  /** Rows whose values were compared with what this store holds. */
  readonly comparedKeys: number
  /** Keys that the store itself listed and that were looked up in the source. */
  readonly scannedKeys: number
  /** Keys, not records: each is counted under one kind. */
  readonly divergences: Readonly<Record<DivergenceKind, number>>
  readonly divergedKeys: number
  /** Keys that differed at every look while they or the pipeline were still moving. */
  readonly undeterminedKeys: number
  readonly parkedRecords: ParkedSummary
}

export interface ParkedSummary {
  readonly count: number
  readonly reasons: Readonly<Record<string, number>>
  readonly samples: readonly ParkedRecord[]
}

/** A record that a sink set aside, with where it was read from. */
export interface ParkedRecord {
  readonly key: string | null
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly reason: string
}

export interface Example {
  readonly key: string
  readonly source: ExampleSource
  readonly stores: Readonly<Record<string, ExampleStore>>
}

export type ExampleSource =
  | { readonly state: 'present'; readonly revision: number; readonly values: Readonly<Record<string, unknown>> }
  | { readonly state: 'deleted'; readonly revision: number; readonly deletedAt: string }
  | { readonly state: 'absent' }

export interface ExampleStore {
  /** `same` as the source (or rightly absent), a kind of divergence, or `unobserved` when the store did not answer. */
  readonly status: DivergenceKind | 'same' | 'unobserved'
  readonly reason: string | null
  readonly holds: 'present' | 'absent' | 'unreadable' | 'unobserved'
  readonly revision: number | null
  /** Long texts are cut. */
  readonly fields: Readonly<Record<string, unknown>> | null
  readonly differences: readonly { readonly field: string; readonly source: unknown; readonly store: unknown }[]
}
