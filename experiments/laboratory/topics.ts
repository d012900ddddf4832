/** Topics of an experiment. */
import type { LogAdmin, TopicToCreate } from '@driftlab/kafka'
import { eventually } from '@driftlab/stores/testing'
import type { Laboratory } from './laboratory.ts'

const makeDeadlineMs = 30_000

/** Makes them empty: those that an earlier run left behind are dropped first. They are gone when the experiment ends. */
export async function openTopics(
  laboratory: Laboratory,
  admin: LogAdmin,
  topics: readonly TopicToCreate[],
): Promise<void> {
  const remove = async (): Promise<void> => {
    const existing = new Set(await admin.topicNames())
    const ours = topics.map(({ name }) => name).filter((name) => existing.has(name))
    if (ours.length > 0) await admin.deleteTopics(ours)
  }
  laboratory.atEnd(remove)
  await remove()
  // On a busy machine the broker may answer for a moment that it does not know what it has just made.
  const make = async (): Promise<true> => {
    await admin.createTopics(topics)
    return true
  }
  await eventually(make, { deadlineMs: makeDeadlineMs, what: `${topics.map(({ name }) => name).join(', ')} are made` })
}
