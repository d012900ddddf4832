/**
 * Four ways from one table into Redis: a topic keyed by id or by status, a store with the guard or without it. Each has
 * two instances of a sink, and keys of its own.
 */
import { connectLog, type LogAdmin } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'
import { deadLetterTopic, groupOf } from '@driftlab/sink'
import { connectRedis, type Redis } from '@driftlab/stores'
import { eventually } from '@driftlab/stores/testing'
import { join } from 'node:path'
import { z } from 'zod'
import { allOf } from '../laboratory/all-of.ts'
import { openConnector, type OwnConnector } from '../laboratory/connector.ts'
import { dropKeys } from '../laboratory/lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { openProxy, type Proxy } from '../laboratory/proxy.ts'
import { startService, type Service } from '../laboratory/service.ts'
import { openTopics } from '../laboratory/topics.ts'
import { cells as cellNames, type CellName, type Keying } from './history.ts'
import { schema, tableLane } from './orders.ts'

export interface Cell extends CellName {
  /** Its way to Redis is the proxy. */
  readonly first: Service
  readonly second: Service
  readonly proxy: Proxy
  /** Documents as text, in the order of `orders`; null where a reader sees none. */
  read(orders: readonly string[]): Promise<readonly (string | null)[]>
  /** How many records its topic has, the ends of transactions included. */
  records(): Promise<number>
  /** Whether its sinks have done all that is in the topic by now. @throws when one of them parked a record. */
  isDrained(): Promise<boolean>
}

export interface Bench {
  readonly cells: readonly Cell[]
  readonly admin: LogAdmin
  readonly topics: Readonly<Record<Keying, string>>
  /** Of either topic. */
  readonly partitions: number
}

const joinDeadlineMs = 60_000

/** Resolves when both connectors stream and each instance has its half of the partitions. */
export async function openBench(laboratory: Laboratory): Promise<Bench> {
  const { url } = laboratory
  const overrides = { id: {}, status: { 'message.key.columns': `${schema}.orders:status` } }
  const open = (keying: Keying): Promise<OwnConnector> =>
    openConnector(laboratory, { name: `ordering-by-${keying}`, schema, overrides: overrides[keying] })
  const [id, status] = await allOf([open('id'), open('status')])
  const connectors = { id, status }

  const admin = await connectLog({ brokers: [url.kafkaBrokers], clientId: 'ordering' }).connectAdmin()
  laboratory.atEnd(() => admin.close())
  const redis = connectRedis(url.redis('ADMIN'))
  laboratory.atEnd(() => {
    redis.disconnect()
    return Promise.resolve()
  })
  await openTopics(
    laboratory,
    admin,
    cellNames.map((cell) => ({ name: deadLetterTopic(groupFor(cell)), partitions: 1 })),
  )
  const cells = await allOf(
    cellNames.map((cell) => openCell(laboratory, { admin, redis, ...cell, topic: connectors[cell.keying].topic })),
  )
  return {
    ...{ cells, admin },
    topics: { id: id.topic, status: status.topic },
    partitions: id.ordersTopic.partitions,
  }
}

function laneFor({ keying, guarded }: CellName): string {
  return `${tableLane}-by-${keying}-${guarded ? 'guarded' : 'unguarded'}`
}

function groupFor(cell: CellName): string {
  return groupOf('ordering-sink', laneFor(cell))
}

interface CellOptions extends CellName {
  readonly admin: LogAdmin
  readonly redis: Redis
  readonly topic: string
}

async function openCell(laboratory: Laboratory, options: CellOptions): Promise<Cell> {
  const { url, settings } = laboratory
  const { admin, redis, keying, guarded, topic } = options
  const lane = laneFor(options)
  const group = groupFor(options)
  const deadLetters = deadLetterTopic(group)
  const forget = async (): Promise<void> => {
    await admin.deleteGroups([group])
    await dropKeys(url.redis('ADMIN'), laneNames(lane).redisKey('*'))
  }
  await forget()
  laboratory.atEnd(forget)
  const proxy = await openProxy(
    laboratory,
    { host: settings.LAB_HOST, port: Number(settings.REDIS_PORT) },
    // No fault of this experiment asks the dice.
    () => 0,
  )
  const redisUrl = url.redis('CACHE_UPDATER')
  const start = (instance: number, through: string): Promise<Service> =>
    startService(laboratory, {
      name: `${lane}-${instance}`,
      main: join(import.meta.dirname, 'sink.ts'),
      environment: {
        LANE: lane,
        TABLE_LANE: tableLane,
        TOPIC: topic,
        GUARD: guarded ? 'on' : 'off',
        TOPIC_EPOCH: settings.TOPIC_EPOCH,
        KAFKA_BROKERS: url.kafkaBrokers,
        REDIS_URL: through,
      },
    })
  // One after the other: eight processes that start at once on two cores may all be too late.
  const first = await start(1, proxy.through(redisUrl))
  const second = await start(2, redisUrl)
  const cell: Cell = {
    ...{ keying, guarded, first, second, proxy },
    read: async (orders) => {
      const answers =
        (await redis.pipeline(orders.map((order) => ['hget', laneNames(lane).redisKey(order), 'document'])).exec()) ??
        []
      return answers.map(([error, document]) => {
        if (error !== null) throw error
        return document as string | null
      })
    },
    records: async () => (await admin.ranges(topic)).reduce((sum, { start, end }) => sum + end - start, 0),
    isDrained: async () => {
      const [parked] = await admin.ranges(deadLetters)
      if (parked === undefined || parked.end > 0) throw new Error(`${lane} parked a record; see ${deadLetters}`)
      return (await admin.groupProgress(group, topic)).every(({ drained }) => drained)
    },
  }
  await untilShared(cell)
  return cell
}

/** Resolves when each instance is ready and has half of the partitions. */
export async function untilShared({ first, second }: Cell): Promise<void> {
  await eventually(
    async () => {
      const shares = await Promise.all([first, second].map(partitionsOf))
      return shares.every((share) => share > 0) && shares[0] === shares[1]
    },
    { deadlineMs: joinDeadlineMs, what: `${first.name} and ${second.name} share the partitions` },
  )
}

const readinessSchema = z.object({ ready: z.literal(true), checks: z.object({ partitions: z.array(z.string()) }) })

/** How many the group has given to it. @throws while it is not ready. */
export async function partitionsOf({ url }: Service): Promise<number> {
  const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2_000) })
  return readinessSchema.parse(await response.json()).checks.partitions.length
}
