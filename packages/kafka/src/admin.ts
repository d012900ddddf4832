/**
 * Questions to the cluster, and the few changes that set-up jobs and tests make.
 *
 * Ends of partitions are those of a reader of committed records (the last stable offset): what lies past it belongs to
 * a transaction that is still open, and no sink may see it yet.
 */
import { parseOffset, type Offset } from '@driftlab/change-event'
import kafkajs, { type Admin, type Kafka } from 'kafkajs'
import pRetry from 'p-retry'
import type { HeadReader } from './heads.ts'
import { readStretches, type Stretch } from './read.ts'
import type { LogRecord } from './record.ts'

const { ConfigResourceTypes, ConfigSource, KafkaJSProtocolError } = kafkajs

/** Some ten seconds: until a busy broker has heard of a topic that was just made. */
const leadersRetry = { retries: 20, minTimeout: 50, maxTimeout: 500 }

/** `start` is the first offset still kept, `end` one past the last that a reader of committed records may see. */
export interface PartitionRange {
  readonly partition: number
  readonly start: Offset
  readonly end: Offset
}

export interface GroupProgress extends PartitionRange {
  /** The next offset that the group will read; null when it never committed here. */
  readonly committed: Offset | null
  /** Offsets between the group and the end. Transaction markers count, so it is an upper bound of records. */
  readonly lagRecords: number
  /** The group is done with everything up to `end`. */
  readonly drained: boolean
}

export interface TopicToCreate {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor?: number
  readonly config?: Readonly<Record<string, string>>
}

export interface TopicDescription {
  readonly name: string
  readonly partitions: number
  readonly config: Readonly<Record<string, string>>
}

export interface LogAdmin {
  /** @throws when the topic does not exist. */
  ranges(topic: string): Promise<readonly PartitionRange[]>
  /** For each partition, one past its last record, with those of open transactions. @throws when the topic does not exist. */
  heads(topic: string): Promise<ReadonlyMap<number, Offset>>
  /** How far a group is in a topic, partition by partition, against the ends as of now. */
  groupProgress(groupId: string, topic: string): Promise<readonly GroupProgress[]>
  /** Whether a process is in the group, and the group is not rebalancing. */
  isGroupStable(groupId: string): Promise<boolean>
  topicNames(): Promise<readonly string[]>
  /** Creates those that do not exist and answers their names; leaves the others as they are. */
  createTopics(topics: readonly TopicToCreate[]): Promise<readonly string[]>
  setTopicConfig(topic: string, config: Readonly<Record<string, string>>): Promise<void>
  /** With the settings that differ from the broker's defaults. */
  describeTopic(topic: string): Promise<TopicDescription>
  /** Every committed record of a topic from its start to its ends as of the call, partition by partition in order. */
  readAll(topic: string, onRecord: (record: LogRecord) => void): Promise<void>
  /** The committed records of these stretches, each partition's in order. What is no longer kept is left out. */
  readStretches(topic: string, stretches: readonly Stretch[], onRecord: (record: LogRecord) => void): Promise<void>
  deleteTopics(topics: readonly string[]): Promise<void>
  /** @throws when a group still has members. */
  deleteGroups(groupIds: readonly string[]): Promise<void>
  close(): Promise<void>
}

export async function connectAdmin(kafka: Kafka, heads: HeadReader): Promise<LogAdmin> {
  const admin = kafka.admin()
  await admin.connect()
  const read: LogAdmin['readStretches'] = (topic, stretches, onRecord) =>
    readStretches(kafka, topic, stretches, onRecord, (groupId) => deleteGroups(admin, [groupId]))
  return {
    ranges: (topic) => ranges(admin, topic),
    heads: async (topic) =>
      await heads.read(
        topic,
        (await ranges(admin, topic)).map(({ partition }) => partition),
      ),
    groupProgress: (groupId, topic) => groupProgress(admin, groupId, topic),
    isGroupStable: async (groupId) => {
      const { groups } = await admin.describeGroups([groupId])
      return groups[0]?.state === 'Stable'
    },
    topicNames: () => admin.listTopics(),
    createTopics: (topics) => createTopics(admin, topics),
    setTopicConfig: async (topic, config) => {
      await admin.alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: ConfigResourceTypes.TOPIC,
            name: topic,
            configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
          },
        ],
      })
    },
    describeTopic: (topic) => describeTopic(admin, topic),
    readAll: async (topic, onRecord) => {
      const all = await ranges(admin, topic)
      await read(
        topic,
        all.map(({ partition, start, end }) => ({ partition, from: start, to: end })),
        onRecord,
      )
    },
    readStretches: read,
    deleteTopics: async (topics) => {
      await admin.deleteTopics({ topics: [...topics], timeout: 10_000 })
    },
    deleteGroups: (groupIds) => deleteGroups(admin, groupIds),
    close: async () => {
      await Promise.all([admin.disconnect(), heads.close()])
    },
  }
}

async function ranges(admin: Admin, topic: string): Promise<readonly PartitionRange[]> {
  const offsets = await admin.fetchTopicOffsets(topic)
  return offsets
    .map(({ partition, low, high }) => ({ partition, start: parseOffset(low), end: parseOffset(high) }))
    .sort((a, b) => a.partition - b.partition)
}

/**
 * The ends are read before the group's offsets, so that `drained` can be late but never early.
 */
async function groupProgress(admin: Admin, groupId: string, topic: string): Promise<readonly GroupProgress[]> {
  const partitions = await ranges(admin, topic)
  const [answer] = await admin.fetchOffsets({ groupId, topics: [topic] })
  const committedByPartition = new Map(answer?.partitions.map(({ partition, offset }) => [partition, offset]))
  return partitions.map((range) => {
    const raw = committedByPartition.get(range.partition) ?? '-1'
    const committed = raw === '-1' ? null : parseOffset(raw)
    // Nothing below `start` exists any more, so a group that never committed has that much behind it.
    const lagRecords = Math.max(0, range.end - Math.max(committed ?? 0, range.start))
    return { ...range, committed, lagRecords, drained: lagRecords === 0 }
  })
}

async function createTopics(admin: Admin, topics: readonly TopicToCreate[]): Promise<readonly string[]> {
  const existing = new Set(await admin.listTopics())
  const missing = topics.filter(({ name }) => !existing.has(name))
  if (missing.length === 0) return []
  const names = missing.map(({ name }) => name)
  try {
    await admin.createTopics({
      waitForLeaders: true,
      timeout: 10_000,
      topics: missing.map(({ name, partitions, replicationFactor, config }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor: replicationFactor ?? -1,
        configEntries: Object.entries(config ?? {}).map(([key, value]) => ({ name: key, value })),
      })),
    })
  } catch (error) {
    if (!isPassing(error)) throw error
    // They are made; kafkajs only gave up waiting for their leaders, at a broker that had not heard of them yet.
    await pRetry(() => admin.fetchTopicMetadata({ topics: names }), {
      ...leadersRetry,
      shouldRetry: (attempt) => isPassing(attempt.error),
    })
  }
  return names
}

function isPassing(error: unknown): boolean {
  return error instanceof KafkaJSProtocolError && error.retriable
}

async function describeTopic(admin: Admin, topic: string): Promise<TopicDescription> {
  const [metadata, configs] = await Promise.all([
    admin.fetchTopicMetadata({ topics: [topic] }),
    admin.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }] }),
  ])
  const entries = configs.resources[0]?.configEntries ?? []
  return {
    name: topic,
    partitions: metadata.topics[0]?.partitions.length ?? 0,
    config: Object.fromEntries(
      entries
        .filter(({ configSource }) => configSource === ConfigSource.TOPIC_CONFIG)
        .map(({ configName, configValue }) => [configName, configValue]),
    ),
  }
}

/** Groups that do not exist are as deleted as can be. */
async function deleteGroups(admin: Admin, groupIds: readonly string[]): Promise<void> {
  const { groups } = await admin.listGroups()
  const existing = new Set(groups.map(({ groupId }) => groupId))
  await admin.deleteGroups(groupIds.filter((groupId) => existing.has(groupId)))
}
