/** Four guards, each asked the same question: which of two writes of a key is the newer one? README.md says how and why. */
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { checks, report } from './checks.ts'
import { entrySchema, type Entry } from './history.ts'
import { applyByEachGuard, type Outcome } from './sink.ts'
import { connectRestart, incrementalSnapshot, newTopic, redelivery, type Trial } from './situations.ts'

export const versionChoice = defineExperiment<Entry>({
  name: 'version-choice',
  claim: 'draft',
  refutedBy: 'draft',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report,
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { record, progress, quick } = context
  const laboratory = context.laboratory()
  const trial: Trial = { laboratory, record, count: quick ? 10 : 50 }
  const situations: readonly Promise<Outcome>[] = [
    redelivery(trial),
    incrementalSnapshot(trial),
    newTopic(trial),
    connectRestart(trial, 'at-least-once'),
    connectRestart(trial, 'exactly-once'),
  ]
  progress('five situations at once')
  // All of them have ended before anything is taken away.
  const outcomes = await Promise.allSettled(situations)
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason
    for (const read of new Set(outcome.value.delivered)) record(read.recorded)
    progress('the same records by each guard', outcome.value.situation)
    await applyByEachGuard(laboratory, outcome.value, record)
  }
}
