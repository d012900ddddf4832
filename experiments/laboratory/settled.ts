/** Whether a group has nothing left to do, where what it does may send it more. Pure. */
import type { GroupProgress, PartitionRange } from '@driftlab/kafka'

/**
 * `later`: the ends as of after `progress`. What the group has sent itself is in the log when it commits what it was sent for;
 * so if it had committed everything up to the ends, and the ends are still where they were, there is no more.
 */
export function isSettled(progress: readonly GroupProgress[], later: readonly PartitionRange[]): boolean {
  const ends = new Map(later.map(({ partition, end }) => [partition, end]))
  return progress.every(({ partition, end, drained }) => drained && ends.get(partition) === end)
}
