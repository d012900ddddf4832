/**
 * What a rebuild asks of a derived store: a fresh, empty generation beside the one that is read, and one step that puts it
 * in the other's place. Each store is a file beside this one.
 *
 * Invariant: `switch` is atomic for whoever reads through the names that a lane's readers know, and `discard` never removes
 * what those names lead to, not even after a switch whose answer got lost.
 */
import type { DerivedStore } from '@driftlab/auditor'
import type { Operation, Projection, Store } from '@driftlab/sink'

export const storeNames = ['redis', 'elasticsearch', 'clickhouse'] as const
export type StoreName = (typeof storeNames)[number]

export interface Rebuildable<Op extends Operation> {
  readonly name: StoreName
  /** Bounds one call of the filler's `write`. */
  readonly operationsPerWriteMax: number
  /**
   * Removes every generation that is not read (a broken-off rebuild or KEEP=1 left it), lets go of writers that a rebuild
   * which was killed still holds, and makes a fresh generation.
   */
  prepare(): Promise<Generation<Op>>
  /** Opens the old generation, if the last rebuild kept it, and the current one, to be read side by side. */
  openKept(): Promise<Kept | undefined>
  close(): Promise<void>
}

export interface NamedStore {
  readonly name: string
  readonly store: DerivedStore
}

export interface Kept {
  readonly old: NamedStore
  readonly current: NamedStore
}

export interface Generation<Op extends Operation> {
  /** The store's own name for the one that is read, and for the fresh one. */
  readonly current: string
  readonly fresh: string
  /** Of the filler: the sink's own projection and store, which lead into the fresh generation. */
  readonly project: Projection<Op>
  readonly store: Store<Op>
  /**
   * Makes the store refuse the live sinks' writes with an error that they take for an outage and try again on. A write that
   * was on its way may still land in the current generation; its record was in the log by then.
   */
  hold(): Promise<void>
  /** Ends a hold without a switch. */
  release(): Promise<void>
  /** From one moment to the next readers and writers find the fresh generation. Ends the hold. @throws when the hold did not last. */
  switch(): Promise<void>
  /** Of a rebuild that ends without a switch. */
  discard(): Promise<void>
  /** Once nobody reads the old generation any more. */
  removeOld(): Promise<void>
}

/** What its owner has to do next, in one line. */
export class RebuildError extends Error {
  override readonly name = 'RebuildError'
}
