/** Every experiment, in the order in which they are best read. */
import { binlog } from './binlog/experiment.ts'
import { commandsAndEvents } from './commands-and-events/experiment.ts'
import { compactionBreaksEventLogs } from './compaction-breaks-event-logs/experiment.ts'
import { compaction } from './compaction/experiment.ts'
import { dualWriteRace } from './dual-write-race/experiment.ts'
import { fixAndReprocess } from './fix-and-reprocess/experiment.ts'
import { integral } from './integral/experiment.ts'
import { intentAndEffect } from './intent-and-effect/experiment.ts'
import { interleavings } from './interleavings/experiment.ts'
import { oneWriterPerPartition } from './one-writer-per-partition/experiment.ts'
import { ordering } from './ordering/experiment.ts'
import { outboxOrder } from './outbox-order/experiment.ts'
import { partialFailure } from './partial-failure/experiment.ts'
import { processorUnderFire } from './processor-under-fire/experiment.ts'
import { rebuildUnderFire } from './rebuild-under-fire/experiment.ts'
import type { Experiment } from './runner/experiment.ts'
import { slotRetention } from './slot-retention/experiment.ts'
import { stateMachineReplication } from './state-machine-replication/experiment.ts'
import { timeTravel } from './time-travel/experiment.ts'
import { tombstonesExpire } from './tombstones-expire/experiment.ts'
import { triggersAreFragile } from './triggers-are-fragile/experiment.ts'
import { twoPhaseCommit } from './two-phase-commit/experiment.ts'
import { versionChoice } from './version-choice/experiment.ts'
import { views } from './views/experiment.ts'

export const experiments: readonly Experiment[] = [
  dualWriteRace,
  interleavings,
  partialFailure,
  twoPhaseCommit,
  outboxOrder,
  ordering,
  versionChoice,
  triggersAreFragile,
  slotRetention,
  tombstonesExpire,
  compaction,
  rebuildUnderFire,
  binlog,
  integral,
  intentAndEffect,
  commandsAndEvents,
  oneWriterPerPartition,
  stateMachineReplication,
  processorUnderFire,
  compactionBreaksEventLogs,
  timeTravel,
  fixAndReprocess,
  views,
]
