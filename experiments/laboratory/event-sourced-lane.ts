/**
 * A lane whose truth is a log: its topics, processors that decide its commands, and, where they are wanted, the three
 * sinks. All of it is gone when the experiment ends.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LaneReport } from '@driftlab/auditor'
import { connectLog, type Log, type LogAdmin, type LogProducer, type LogRecord } from '@driftlab/kafka'
import {
  encodeCommand,
  eventSourcedTopics,
  type Command,
  type EventSourcedTopics,
  type Fold,
  type Outcome,
} from '@driftlab/order-events'
import { groupOf } from '@driftlab/sink'
import { eventually } from '@driftlab/stores/testing'
import { eventSourcedLaneTopics } from '../../infra/kafka/event-sourced-lane.ts'
import {
  foldLog,
  readEvents,
  readOutcomes,
  readRecords,
  type LoggedEvent,
} from '../../services/order-processor/src/read-log.ts'
import { auditEventSourcedLane, openLane } from './lane.ts'
import type { Laboratory } from './laboratory.ts'
import { startOrders } from './orders-service.ts'
import { startService, type Service } from './service.ts'
import { isSettled } from './settled.ts'
import { groupsOf, startSinks } from './sinks.ts'
import { openTopics } from './topics.ts'

export interface EventSourcedLaneOptions {
  readonly processors: number
  /** By default 4. */
  readonly partitions?: number
  /** Whether the derived stores are kept. */
  readonly withStores?: boolean
  /** Of the processors, beside what they need. */
  readonly environment?: Readonly<Record<string, string>>
}

export type { LoggedEvent }

export interface EventSourcedLane {
  readonly name: string
  readonly topics: EventSourcedTopics
  readonly log: Log
  readonly admin: LogAdmin
  readonly processors: readonly Service[]
  readonly sinks: readonly Service[]
  /** Starts another processor. */
  startProcessor(name: string): Promise<Service>
  startOrders(instances: number, environment?: Readonly<Record<string, string>>): Promise<readonly Service[]>
  /** Resolves when the commands are in the log; nobody has decided them then. */
  send(commands: readonly Command[]): Promise<void>
  /** Whether nothing is left to decide. */
  isSettled(): Promise<boolean>
  /** Waits until nothing is left to decide. */
  settle(deadlineMs?: number): Promise<void>
  /** All committed records of a topic, in the order of each partition. */
  records(topic: string): Promise<readonly LogRecord[]>
  /** In the order of each partition. `from`: where to begin in each, instead of at its start. */
  events(from?: ReadonlyMap<number, number>): Promise<readonly LoggedEvent[]>
  outcomes(): Promise<readonly Outcome[]>
  /** @throws when the log is not whole. */
  fold(): Promise<Fold>
  /** Compares every value in the stores with the fold of the log, while it goes on or when it is at rest. */
  audit(): Promise<LaneReport>
}

const settleDeadlineMs = 90_000
/** Bounds a request to the broker. */
const commandsPerSendMax = 2_000

/** `lane` must begin with `event-sourcing`: of those the sinks may write the stores. */
export async function openEventSourcedLane(
  laboratory: Laboratory,
  lane: string,
  options: EventSourcedLaneOptions,
): Promise<EventSourcedLane> {
  const { url } = laboratory
  const { withStores = false, partitions = 4 } = options
  const topics = eventSourcedTopics(lane)
  if (withStores) await openLane(laboratory, { name: lane, kind: 'cdc', systemOfRecord: 'other' })
  const log = connectLog({ brokers: [url.kafkaBrokers], clientId: lane })
  const admin = await log.connectAdmin()
  laboratory.atEnd(() => admin.close())
  await openTopics(laboratory, admin, eventSourcedLaneTopics(lane, partitions))
  laboratory.atEnd(() => admin.deleteGroups([groupOf('order-processor', lane), ...groupsOf(lane)]))
  const producer: LogProducer = await log.connectProducer()
  laboratory.atEnd(() => producer.close())

  const startProcessor = async (name: string): Promise<Service> => {
    const stateDir = await mkdtemp(join(laboratory.stateDir, `${name}-`))
    laboratory.atEnd(() => rm(stateDir, { recursive: true, force: true }))
    return await startService(laboratory, {
      name,
      folder: 'order-processor',
      environment: { LANE: lane, KAFKA_BROKERS: url.kafkaBrokers, STATE_DIR: stateDir, ...options.environment },
    })
  }
  const processors = await Promise.all(
    Array.from({ length: options.processors }, (_, index) => startProcessor(`order-processor-${lane}-${index + 1}`)),
  )
  const sinks = withStores ? await startSinks(laboratory, lane, { recordFormat: 'domain-event' }) : []

  const isSettledNow = async (): Promise<boolean> => {
    const progress = await admin.groupProgress(groupOf('order-processor', lane), topics.commands)
    return isSettled(progress, await admin.ranges(topics.commands))
  }
  const settle = async (deadlineMs = settleDeadlineMs): Promise<void> => {
    // A transaction is acknowledged some milliseconds before its records can be read: what is calm once has to be so again.
    let wasSettled = false
    const staysSettled = async (): Promise<boolean> => {
      const before = wasSettled
      wasSettled = await isSettledNow()
      return before && wasSettled
    }
    await eventually(staysSettled, { deadlineMs, what: `every command of ${lane} is decided` })
  }

  return {
    name: lane,
    topics,
    log,
    admin,
    processors,
    sinks,
    startProcessor,
    startOrders: (instances, environment = {}) =>
      startOrders(laboratory, {
        lane,
        strategy: 'event-sourcing',
        instances,
        environment: { KAFKA_BROKERS: url.kafkaBrokers, ...environment },
      }),
    send: async (commands) => {
      for (let from = 0; from < commands.length; from += commandsPerSendMax) {
        const some = commands.slice(from, from + commandsPerSendMax)
        await producer.publish(topics.commands, some.map(encodeCommand))
      }
    },
    isSettled: isSettledNow,
    settle,
    records: (topic) => readRecords(admin, topic),
    events: (from) => readEvents(admin, topics, from),
    outcomes: () => readOutcomes(admin, topics),
    fold: () => foldLog(admin, topics),
    audit: () => auditEventSourcedLane(laboratory, lane),
  }
}
