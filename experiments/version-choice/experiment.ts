/** Four guards, each asked the same question: which of two writes of a key is the newer one? README.md says how and why. */
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { checks } from './checks.ts'
import { entrySchema, type Entry } from './history.ts'
import { report } from './report.ts'
import { applyByEachGuard } from './sink.ts'
import { connectRestart, incrementalSnapshot, newTopic, redelivery, type Trial } from './situations.ts'
import { openWorker } from './worker.ts'

export const versionChoice = defineExperiment<Entry>({
  name: 'version-choice',
  claim:
    "Of the LSN, the pair of commit and position that Debezium calls its sequence, the database's clock, the row's revision and the offset, only the offset with an epoch ends with every order right in five situations in which old changes meet new ones; and where Connect appends changes again, for want of exactly-once, a reader sees orders go back by that too, until the later changes have come again.",
  refutedBy:
    'An order that ends wrong by the offset with an epoch, or no order that ends wrong by one of the others in the situation that is named for it.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report,
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { record, progress, quick } = context
  const laboratory = context.laboratory()
  const { lab } = laboratory
  const trial: Trial = { laboratory, record, count: quick ? 10 : 50 }

  progress('five situations at once')
  const undisturbed = [redelivery(trial), incrementalSnapshot(trial), newTopic(trial)]
  // Their connectors run on the worker that is killed.
  const othersHaveEnded = Promise.allSettled(undisturbed)
  const outcomes = await Promise.allSettled([
    ...undisturbed,
    openWorker(laboratory, 'version-choice-worker').then((worker) => connectRestart(trial, 'at-least-once', worker)),
    connectRestart(trial, 'exactly-once', {
      kill: async () => {
        await othersHaveEnded
        await lab.kill('connect')
      },
      start: () => lab.start(['connect']),
    }),
  ])
  // Nothing is taken away before all of them have ended, and what some have shown is not lost with another.
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') continue
    const { situation, delivered } = outcome.value
    for (const { recorded } of new Set(delivered)) record(recorded)
    progress('the same records by each guard', situation)
    await applyByEachGuard(laboratory, outcome.value, record)
  }
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  if (failures.length > 0) throw new Error(failures.map(String).join('\n'), { cause: failures[0] })
}
