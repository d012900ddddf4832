/**
 * Creates the topics of topics.json; running it again brings the settings of those that exist back to the file's.
 *
 * Invariant: the number of partitions never changes here. A key's partition follows from it, and with the partition
 * the order of the key's changes and their versions; whoever re-partitions raises TOPIC_EPOCH as well (docs/adr/0001).
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectLog, type LogAdmin } from '@driftlab/kafka'
import { ConfigError, createLogger, EXIT, loadConfig, portSchema, type Logger } from '@driftlab/service'
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

async function createTopics(admin: LogAdmin, topics: Topics, logger: Logger): Promise<void> {
  const created = new Set(await admin.createTopics(topics))
  for (const topic of topics) {
    if (created.has(topic.name)) {
      logger.info({ topic: topic.name, partitions: topic.partitions }, 'created')
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
}

const logger = createLogger('create-topics')
try {
  const { LAB_HOST, KAFKA_PORT } = loadConfig(environmentSchema, process.env)
  const { topics } = topicsSchema.parse(JSON.parse(await readFile(join(import.meta.dirname, 'topics.json'), 'utf8')))
  const log = connectLog({ brokers: [`${LAB_HOST}:${KAFKA_PORT}`], clientId: 'create-topics', logger })
  const admin = await log.connectAdmin()
  try {
    await createTopics(admin, topics, logger)
  } finally {
    await admin.close()
  }
  logger.info({ topics: topics.length }, 'topics are as in topics.json')
} catch (error) {
  if (error instanceof ConfigError) {
    process.stderr.write(`create-topics: ${error.message}\n`)
    process.exitCode = EXIT.badConfiguration
  } else {
    logger.fatal({ err: error }, 'could not create the topics')
    process.exitCode = EXIT.failure
  }
}
