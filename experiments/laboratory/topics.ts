/** Topics of an experiment. */
import type { LogAdmin, TopicToCreate } from '@driftlab/kafka'
import type { Laboratory } from './laboratory.ts'

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
  await admin.createTopics(topics)
}
