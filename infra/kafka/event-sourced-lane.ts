/** The topics of an event-sourced lane, made by the set-up job for the real lane and by tests for lanes of their own. */
import type { TopicToCreate } from '@driftlab/kafka'
import { eventSourcedTopics } from '@driftlab/order-events'
import { deadLetterTopic, groupOf } from '@driftlab/sink'

const weekMs = 7 * 24 * 3_600_000

/** The consumers of a lane whose dead letters have a topic. */
export const eventSourcedConsumers = ['order-processor', 'cache-updater', 'search-indexer', 'warehouse-loader'] as const

export function eventSourcedLaneTopics(lane: string, partitions = 4): readonly TopicToCreate[] {
  const { commands, events, outcomes, orders } = eventSourcedTopics(lane)
  const keptForEver = { 'cleanup.policy': 'delete', 'retention.ms': '-1' }
  const keptForAWeek = { 'cleanup.policy': 'delete', 'retention.ms': String(weekMs) }
  return [
    { name: commands, partitions, config: keptForAWeek },
    // The truth: neither age nor a newer event of the same order makes an event worthless.
    { name: events, partitions, config: keptForEver },
    { name: outcomes, partitions, config: keptForAWeek },
    {
      name: orders,
      partitions,
      config: {
        'cleanup.policy': 'compact',
        'min.cleanable.dirty.ratio': '0.5',
        'delete.retention.ms': String(weekMs),
      },
    },
    ...eventSourcedConsumers.map((consumer) => ({
      name: deadLetterTopic(groupOf(consumer, lane)),
      partitions: 1,
      config: keptForEver,
    })),
  ]
}
