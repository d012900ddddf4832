/**
 * Ways of finding the rows of a table that are yet to be published. Each is a file in readers/, to be read side by side.
 *
 * The difficulty is that rows are numbered when they are written and appear when their transaction commits: a row can
 * appear behind others that were published long ago. And of one order, no row may be published before an older one.
 */
import type { PostgresClient } from '@driftlab/stores'
import { afterId } from './readers/after-id.ts'
import { horizon } from './readers/horizon.ts'
import { snapshot } from './readers/snapshot.ts'
import { take } from './readers/take.ts'
import type { Row, Table } from './table.ts'

export interface ReaderContext {
  /** The session that holds the relay's lock: nothing is read or forgotten through any other. */
  readonly client: PostgresClient
  readonly table: Table
  readonly topic: string
  readonly batchSizeMax: number
  /** Resolves when the log has acknowledged every row, in this order. */
  readonly publish: (rows: readonly Row[]) => Promise<void>
}

/**
 * Publishes what there is, up to one batch, and only then forgets or passes it: a crash between the two publishes it
 * again. @returns how many rows it published.
 */
export type Round = () => Promise<number>

/** Takes up where the last session stopped. */
export type Reader = (context: ReaderContext) => Promise<Round>

export const readers = { 'after-id': afterId, horizon, snapshot, take } as const satisfies Readonly<
  Record<string, Reader>
>
export type ReaderName = keyof typeof readers
export const readerNames = ['after-id', 'horizon', 'snapshot', 'take'] as const satisfies readonly ReaderName[]
