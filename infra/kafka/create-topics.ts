/**
 * Creates the topics of topics.json; running it again brings the settings of those that exist back to the file's.
 *
 * Invariant: the number of partitions never changes here. A key's partition follows from it, and with the partition
 * the order of the key's changes and their versions; whoever re-partitions raises TOPIC_EPOCH as well (docs/adr/0001).
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectLog, type LogAdmin } from '@driftlab/kafka'
import { portSchema, runJob, type Report } from '@driftlab/service'
import { z } from 'zod'

const topicsSchema = z.object({
  topics: z.array(
    z.object({
      name: z.string(),
      partitions: z.number().int().positive(),
      config: z.record(z.string(), z.string()),
    }),
  ),
})
type Topics = z.output<typeof topicsSchema>['topics']

const environmentSchema = z.object({ LAB_HOST: z.string(), KAFKA_PORT: portSchema })

async function createTopics(admin: LogAdmin, topics: Topics, report: Report): Promise<void> {
  const created = new Set(await admin.createTopics(topics))
  for (const topic of topics) {
    if (created.has(topic.name)) {
      report(`created ${topic.name} with ${topic.partitions} partitions`)
      continue
    }
    const existing = await admin.describeTopic(topic.name)
    if (existing.partitions !== topic.partitions) {
      throw new Error(
        `Topic ${topic.name} has ${existing.partitions} partitions, topics.json says ${topic.partitions}. ` +
          'Delete the topic, or correct topics.json; either way raise TOPIC_EPOCH so that versions go on rising.',
      )
    }
    await admin.setTopicConfig(topic.name, topic.config)
  }
  report(`${topics.length} topics are as in topics.json`)
}

await runJob({
  name: 'kafka-topics',
  environment: process.env,
  schema: environmentSchema,
  run: async ({ LAB_HOST, KAFKA_PORT }, report) => {
    const { topics } = topicsSchema.parse(JSON.parse(await readFile(join(import.meta.dirname, 'topics.json'), 'utf8')))
    const admin = await connectLog({ brokers: [`${LAB_HOST}:${KAFKA_PORT}`], clientId: 'kafka-topics' }).connectAdmin()
    try {
      await createTopics(admin, topics, report)
    } finally {
      await admin.close()
    }
  },
  hint: 'Is Kafka running, and is KAFKA_PORT right?',
})
