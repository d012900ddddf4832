/** An event-sourced lane of its own in the running stack, for tests: its topics, processors in this process, and its log. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectLog, type Log, type LogAdmin, type LogProducer, type LogRecord } from '@driftlab/kafka'
import {
  encodeCommand,
  eventSourcedTopics,
  type Command,
  type DomainEvent,
  type EventSourcedTopics,
  type Fold,
  type Outcome,
} from '@driftlab/order-events'
import { createLogger } from '@driftlab/service'
import { deadLetterTopic, groupOf } from '@driftlab/sink'
import { eventually, testSettings, throwAwayLane } from '@driftlab/stores/testing'
import { eventSourcedLaneTopics } from '../../../infra/kafka/event-sourced-lane.ts'
import { processorName } from './partition.ts'
import { foldLog, readEvents, readOutcomes, readRecords } from './read-log.ts'
import { runProcessor, type Processor, type ProcessorOptions } from './processor.ts'

export interface LaneUnderTest {
  readonly name: string
  readonly log: Log
  readonly admin: LogAdmin
  readonly topics: EventSourcedTopics
  /** A folder for the state of a processor; the same name gives the same one. */
  stateDir(name: string): string
  start(name: string, overrides?: Partial<ProcessorOptions>): Promise<Processor>
  send(commands: readonly Command[]): Promise<void>
  /** Waits until every command that was sent by anybody has its outcome. */
  outcomes(): Promise<readonly Outcome[]>
  events(): Promise<readonly DomainEvent[]>
  /** @throws when the log is not whole. */
  fold(): Promise<Fold>
  records(topic: string): Promise<readonly LogRecord[]>
  close(): Promise<void>
}

const outcomesDeadlineMs = 60_000

export async function openLaneUnderTest(partitions = 2): Promise<LaneUnderTest> {
  const name = throwAwayLane()
  const topics = eventSourcedTopics(name)
  const log = connectLog({ brokers: testSettings().kafkaBrokers, clientId: name })
  const admin = await log.connectAdmin()
  const toCreate = eventSourcedLaneTopics(name, partitions)
  await admin.createTopics(toCreate)
  const producer: LogProducer = await log.connectProducer()
  const folder = mkdtempSync(join(tmpdir(), 'driftlab-processor-'))
  const running = new Set<Processor>()
  const groupId = groupOf(processorName, name)

  return {
    name,
    log,
    admin,
    topics,
    stateDir: (processor) => join(folder, processor),
    start: async (processorName_, overrides = {}) => {
      const processor = await runProcessor({
        log,
        admin,
        lane: name,
        topics,
        deadLetterTopic: deadLetterTopic(groupId),
        groupId,
        stateFileOf: (partition) => join(folder, processorName_, `${partition}.sqlite`),
        outcomesKept: 10_000,
        maxBytesPerPartition: 262_144,
        sessionTimeoutMs: 6_000,
        logger: createLogger(processorName, 'silent'),
        fail: (error) => {
          throw error
        },
        onDecided: () => undefined,
        onTransactionFailed: () => undefined,
        ...overrides,
      })
      running.add(processor)
      return {
        ...processor,
        stop: async () => {
          running.delete(processor)
          await processor.stop()
        },
      }
    },
    send: (commands) => producer.publish(topics.commands, commands.map(encodeCommand)),
    outcomes: () =>
      eventually(
        async () => {
          // A command that is sent on because of another one is in the log when that one's outcome is.
          const decided = await readOutcomes(admin, topics)
          const sent = await readRecords(admin, topics.commands)
          return sent.length === decided.length && decided
        },
        { deadlineMs: outcomesDeadlineMs, what: 'every command has an outcome' },
      ),
    events: async () => (await readEvents(admin, topics)).map(({ event }) => event),
    fold: () => foldLog(admin, topics),
    records: (topic) => readRecords(admin, topic),
    close: async () => {
      await Promise.all([...running].map((processor) => processor.stop()))
      await producer.close()
      await admin.deleteGroups([groupId])
      await admin.deleteTopics(toCreate.map((topic) => topic.name))
      await admin.close()
      rmSync(folder, { recursive: true })
    },
  }
}
