/** Topics of an experiment. */
import type { LogAdmin, TopicToCreate } from '@driftlab/kafka'
import type { Laboratory } from './laboratory.ts'

/** Makes them empty: those that an earlier run left behind are dropped first. They are gone when the experiment ends. */
export async function openTopics(
  laboratory: Laboratory,
  admin: LogAdmin,
  topics: readonly TopicToCreate[],
): Promise<void> {
  await forgetTopics(
    laboratory,
    admin,
    topics.map(({ name }) => name),
  )
  await admin.createTopics(topics)
}

/** Drops those that an earlier run left behind, and whatever has their names when the experiment ends. */
export async function forgetTopics(laboratory: Laboratory, admin: LogAdmin, names: readonly string[]): Promise<void> {
  const remove = async (): Promise<void> => {
    const existing = new Set(await admin.topicNames())
    const ours = names.filter((name) => existing.has(name))
    if (ours.length > 0) await admin.deleteTopics(ours)
  }
  laboratory.atEnd(remove)
  await remove()
}
