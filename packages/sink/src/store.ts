/**
 * What a sink asks of its store, and the three kinds of failure it tells apart.
 */
import type { ChangeEvent, Version } from '@driftlab/change-event'

/** One write. Of two operations with the same key, the one with the greater version wins, whatever order they come in. */
export interface Operation {
  readonly key: string
  readonly version: Version
}

/** The pure function from a change to store operations. @throws {ProjectionError} when the row is not what it expects. */
export type Projection<Op extends Operation> = (change: ChangeEvent) => readonly Op[]

export interface Refusal<Op extends Operation> {
  readonly operation: Op
  /** The store's own word for it, such as `mapper_parsing_exception`. */
  readonly code: string
  readonly message: string
}

export interface WriteResult<Op extends Operation> {
  /** How many operations changed nothing, because the store had that version or a newer one. */
  readonly stale: number
  /** Those that the store will never take. All others of the call are in the store. */
  readonly refused: readonly Refusal<Op>[]
}

export interface Store<Op extends Operation> {
  /**
   * Executes operations with distinct keys in bulk; resolves when the store has acknowledged them. Doing them again
   * changes nothing, and so does doing older ones afterwards.
   *
   * @throws {StoreUnavailable} when some or all may not have arrived; the whole call is then to be repeated.
   */
  write(operations: readonly Op[]): Promise<WriteResult<Op>>
  /** @throws {StoreUnavailable} when the store does not answer. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** The store cannot be reached, or says that it cannot take writes now. Trying again later is right. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** The change is not what the projection was written for. The record is poison; trying again is of no use. */
export class ProjectionError extends Error {
  override readonly name = 'ProjectionError'
}

/** Whether something thrown is an error, also one of another realm (as in Jest), where `instanceof` says no. */
export function isError(value: unknown): value is Error {
  return Object.prototype.toString.call(value) === '[object Error]'
}
