/**
 * How fresh an answer is: `asOf`. Pure; the clock is passed in.
 *
 * `version` says which state of one order is shown. What it counts depends on the lane, and `versionOf` says it:
 *
 * - `log`, in the derived stores of `cdc` and `event-sourcing`: the version of the change from the log (docs/adr/0001). It
 *   rises with every change of the order, a delete included, and the same version is the same state in every store.
 * - `revision`, in all stores of `dual-write`, where no log gives a version, and in the system of record of any lane: the
 *   order's own revision. Two writers may have raised it alike, so the same revision in two stores is not always the same state.
 *
 * A list has no version: those of different partitions have no order. `at` is when the newest change that is shown was made,
 * by the clock of the system of record, and `ageMs` how long ago that was. It grows while nobody writes: it is how old the
 * news is, and not how far behind the store is, which only the auditor and the sinks' lag can say.
 */
import { hasLogVersions, type Lane } from './lanes.ts'

export type VersionOf = 'log' | 'revision'

export interface AsOf {
  readonly version: number | null
  readonly versionOf: VersionOf
  /** RFC 3339. */
  readonly at: string | null
  readonly ageMs: number | null
}

export function asOf(
  versionOf: VersionOf,
  { version, at }: { readonly version: number | null; readonly at: unknown },
  nowMs: number,
): AsOf {
  const atMs = typeof at === 'string' ? Date.parse(at) : Number.NaN
  if (Number.isNaN(atMs)) return { version, versionOf, at: null, ageMs: null }
  // Another machine's clock may be ahead of ours.
  return { version, versionOf, at: new Date(atMs).toISOString(), ageMs: Math.max(0, nowMs - atMs) }
}

/** Of an order in a derived store. @param storeVersion what the store keeps beside the order, where it keeps one. */
export function asOfStored(
  lane: Lane,
  stored: { readonly version: number | null; readonly fields: Readonly<Record<string, unknown>> },
  nowMs: number,
): AsOf {
  const { revision, updatedAt: at } = stored.fields
  if (hasLogVersions(lane)) return asOf('log', { version: stored.version, at }, nowMs)
  return asOf('revision', { version: Number.isSafeInteger(revision) ? Number(revision) : null, at }, nowMs)
}

/** Of a list. */
export function asOfNewest(lane: Lane, at: string | null, nowMs: number): AsOf {
  return asOf(hasLogVersions(lane) ? 'log' : 'revision', { version: null, at }, nowMs)
}
