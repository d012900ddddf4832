/**
 * What the auditor needs of a derived store, whichever it is. It only ever reads.
 */
import type { Held } from '../judge.ts'
import type { Dialect } from '../values.ts'

export interface DerivedStore {
  readonly dialect: Dialect
  /** What the store holds for each of `keys` as of now; a key that is not in the answer is not held. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, Held>>
  /**
   * Every key that the store shows when it is asked for all, in pages. A key may come twice; one that is written
   * meanwhile may be left out.
   */
  keys(pageSize: number): AsyncIterable<readonly string[]>
  close(): Promise<void>
}

const excerptMax = 200

/** Something that is there and is not what the specification says. */
export function unreadable(reason: string, raw: string): Held {
  return { state: 'unreadable', reason, excerpt: raw.length > excerptMax ? `${raw.slice(0, excerptMax)}...` : raw }
}
