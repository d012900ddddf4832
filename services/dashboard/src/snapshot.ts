/**
 * What the page is told, as data: one snapshot a second, and the same in short for its charts. Types only.
 *
 * Invariant: null is what is not known, never 0. `asOfMs` says how old a part is when its service does not answer.
 */
import type { LaneName, StoreName, TargetName } from './lanes.ts'

export type Verdict = 'consistent' | 'diverged' | 'unknown'

export interface TargetSnapshot {
  readonly state: 'up' | 'down'
  /** How many of its instances answer. */
  readonly instances: number
  /** When it last answered; null when it never did. */
  readonly asOfMs: number | null
  /** Why it is down, in words; empty otherwise. */
  readonly why: string
}

export interface StoreSnapshot {
  readonly verdict: Verdict
  readonly doubts: readonly string[]
  readonly divergedKeys: number | null
  readonly divergences: Readonly<Record<string, number>>
  /** Of a lane that goes through the log: records that the sink has yet to apply. */
  readonly lagRecords: number | null
  readonly appliedPerSecond: number | null
  /** From the commit to the acknowledgement of the store, over the last seconds in which there was any. */
  readonly visibleMs: { readonly p50: number; readonly p99: number } | null
  readonly sinkState: string | null
  readonly parkedRecords: number | null
}

export interface ListedDivergence {
  readonly key: string
  readonly firstSeenAt: string
  readonly lastSeenAt: string
  readonly stores: Readonly<Record<string, string>>
}

export interface LaneSnapshot {
  readonly verdict: Verdict
  readonly writesPerSecond: number | null
  /** Answers with a status of 500 and above. */
  readonly failuresPerSecond: number | null
  /** Writes that reached some stores and not all, since the services started. */
  readonly partialWrites: number | null
  /** Orders that differ in any store. */
  readonly divergedKeys: number | null
  /** More differ than the auditor keeps: the number is a floor. */
  readonly full: boolean
  readonly waitingKeys: number | null
  /** When the auditor last looked at this lane. */
  readonly lookedAtMs: number | null
  readonly slot: { readonly state: string; readonly unconfirmedBytes: number | null } | null
  readonly stores: Readonly<Record<StoreName, StoreSnapshot>>
  /** The newest; `divergedKeys` counts all. */
  readonly divergences: readonly ListedDivergence[]
}

export interface Snapshot {
  readonly atMs: number
  readonly targets: Readonly<Record<TargetName, TargetSnapshot>>
  readonly lanes: Readonly<Record<LaneName, LaneSnapshot>>
}

/** What the charts keep of a snapshot. */
export interface Point {
  readonly atMs: number
  readonly lanes: Readonly<Record<LaneName, LanePoint>>
}

export interface LanePoint {
  readonly writesPerSecond: number | null
  readonly divergedKeys: number | null
  readonly lagRecords: Readonly<Record<StoreName, number | null>>
  readonly visibleMsP99: Readonly<Record<StoreName, number | null>>
}
