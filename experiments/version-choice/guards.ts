/** The candidates: what version each would give a record. Pure. */
import { parseOffset, versionOf } from '@driftlab/change-event'
import type { Guard, Recorded } from './history.ts'

/** @param records of one situation, in the order in which they come. @returns the version of each of them. */
export function versionsBy(guard: Guard, records: readonly Recorded[]): readonly number[] {
  switch (guard) {
    case 'arrival':
      return records.map((_record, at) => at + 1)
    case 'lsn':
      return records.map(positionOf)
    case 'pair':
      return rank(records, () => 0)
    case 'pair, filled in':
      return rank(records, positionOf)
    case 'clock':
      return records.map(({ tsUs }) => tsUs)
    case 'revision':
      // A delete carries the revision of the row that it removes, and would be refused as a repetition of it.
      return records.map(({ op, revision }) => (op === 'd' ? revision + 1 : revision))
    case 'offset':
      return records.map(({ offset }) => versionOf(0, parseOffset(offset)))
    case 'epoch and offset':
      return records.map(({ topicNumber, offset }) => versionOf(topicNumber, parseOffset(offset)))
  }
}

/** READs of an incremental snapshot have no LSN; what they have is the position of the stream, in their sequence. */
function positionOf({ lsn, sequence }: Recorded): number {
  return lsn ?? sequence[1] ?? 0
}

/**
 * A pair does not fit into a version, so all pairs of the run are numbered in their order, and those numbers compare like
 * the pairs.
 */
function rank(records: readonly Recorded[], withoutCommit: (record: Recorded) => number): readonly number[] {
  const pairs = records.map((record) => [record.sequence[0] ?? withoutCommit(record), positionOf(record)] as const)
  const distinct = new Map(pairs.map((pair) => [String(pair), pair]))
  const sorted = [...distinct.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const ranks = new Map(sorted.map((pair, at) => [String(pair), at + 1]))
  return pairs.map((pair) => ranks.get(String(pair)) ?? 0)
}
