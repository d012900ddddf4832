/** The situations: each with a table, a connector and a topic of its own, and the order in which its sink gets the records. */
import { connectLog } from '@driftlab/kafka'
import { askConnector, openConnector } from '../laboratory/connector.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { openTopics } from '../laboratory/topics.ts'
import type { Entry, Situation } from './history.ts'
import { openOrders } from './orders.ts'
import type { Outcome } from './sink.ts'
import { readTopic, type Read, type TopicReader } from './topic.ts'

export interface Trial {
  readonly laboratory: Laboratory
  readonly record: (entry: Entry) => void
  /** Orders of each story. */
  readonly count: number
}

/** Orders that make sure that a partition is read to its end: of so many every partition has some. */
const markerCount = 40

/** A sink gets old records again when it has written newer ones: as a replay has it, or one that was frozen. */
export async function redelivery({ laboratory, record, count }: Trial): Promise<Outcome> {
  const situation: Situation = 'redelivery'
  const { postgres } = laboratory
  const orders = await openOrders(laboratory, 'version_choice_redelivery')
  const { topic, url } = await openConnector(laboratory, { name: 'version-choice-redelivery', schema: orders.schema })
  const reader = await readTopic(laboratory, orders, { situation, topic, topicNumber: 0 })

  const changed = await orders.insertAll('changed', count)
  const twice = await orders.insertAll('changed twice in one transaction', count)
  const deleted = await orders.insertAll('deleted', count)
  const bornAgain = await orders.insertAll('deleted and inserted anew', count)
  await orders.update(postgres, [...changed, ...deleted, ...bornAgain])
  const transaction = await orders.begin()
  await orders.update(transaction.session, twice)
  await orders.update(transaction.session, twice)
  await transaction.commit()
  await orders.update(postgres, changed)
  await orders.remove(postgres, [...deleted, ...bornAgain])
  await orders.insert(postgres, bornAgain)
  await reader.untilAllIsRead()
  await leave(reader, url)

  const reads = reader.reads()
  const again = [...Map.groupBy(reads, ({ recorded }) => recorded.partition).values()].flatMap((partition) =>
    partition.slice(0, Math.floor((partition.length * 2) / 3)),
  )
  record({ kind: 'fault', situation, what: 'two thirds of each partition are read again' })
  return { situation, delivered: [...reads, ...again], ends: await orders.ends() }
}

/** Debezium reads the table while transactions that have changed it are open. */
export async function incrementalSnapshot({ laboratory, record, count }: Trial): Promise<Outcome> {
  const situation: Situation = 'incremental snapshot'
  const { postgres, settings } = laboratory
  const orders = await openOrders(laboratory, 'version_choice_incremental')
  const { schema } = orders
  await postgres.query(`create table ${schema}.signals (id text primary key, type text not null, data text)`)
  // The connector itself writes into it, to find in the log where its reading began and ended.
  await postgres.query(`grant insert on ${schema}.signals to ${settings.POSTGRES_REPLICATION_USER}`)
  const { topic, url } = await openConnector(laboratory, {
    ...{ name: 'version-choice-incremental', schema, otherTables: ['signals'] },
    overrides: { 'signal.data.collection': `${schema}.signals` },
  })
  const reader = await readTopic(laboratory, orders, { situation, topic, topicNumber: 0 })

  const changed = await orders.insertAll('changed in the open transaction', count)
  const deleted = await orders.insertAll('deleted in the open transaction', count)
  const beside = await orders.insertAll('changed before and after', count)
  await orders.insertAll('left alone', count)
  await reader.untilAllIsRead()

  const transaction = await orders.begin()
  await orders.update(transaction.session, changed)
  await orders.remove(transaction.session, deleted)
  await orders.update(postgres, beside)
  await postgres.query(`insert into ${schema}.signals values ($1, 'execute-snapshot', $2)`, [
    'version-choice',
    JSON.stringify({ type: 'incremental', 'data-collections': [`${schema}.orders`] }),
  ])
  record({ kind: 'fault', situation, what: 'an incremental snapshot during an open transaction' })
  await reader.until(
    (reads) =>
      new Set(reads.filter(({ recorded }) => recorded.op === 'r').map(({ recorded }) => recorded.key)).size >=
      orders.keys().length,
    'the incremental snapshot has read every order',
  )
  await transaction.commit()
  await orders.update(postgres, beside)
  await reader.untilAllIsRead()
  await leave(reader, url)
  return { situation, delivered: reader.reads(), ends: await orders.ends() }
}

/** A Kafka Connect worker that can be killed. */
export interface Killable {
  /** Where its REST interface is, when it is not the laboratory's. */
  readonly url?: string
  /** kill -9. Resolves when it is gone. */
  kill(): Promise<void>
  start(): Promise<void>
}

/** Kafka Connect is killed after it has published changes. */
export async function connectRestart(
  { laboratory, record, count }: Trial,
  situation: 'at-least-once' | 'exactly-once',
  worker: Killable,
): Promise<Outcome> {
  const { postgres } = laboratory
  const name = `version-choice-${situation}`
  const orders = await openOrders(laboratory, name.replaceAll('-', '_'))
  const { topic, url } = await openConnector(laboratory, {
    ...{ name, schema: orders.schema, ...(worker.url === undefined ? {} : { connectUrl: worker.url }) },
    overrides: situation === 'at-least-once' ? { 'exactly.once.support': 'requested' } : {},
  })
  const reader = await readTopic(laboratory, orders, { situation, topic, topicNumber: 0 })
  const changed = await orders.insertAll('changed', count)
  const deleted = await orders.insertAll('deleted', count)
  const markers = await orders.insertAll('marker', markerCount)
  await reader.untilAllIsRead()
  if (situation === 'at-least-once') {
    // A task that stops writes down how far it is.
    await askConnector('PUT', url, '/stop')
    await askConnector('PUT', url, '/resume')
  }

  for (let round = 1; round <= 3; round += 1) await orders.update(postgres, [...changed, ...deleted])
  await orders.remove(postgres, deleted)
  await reader.untilAllIsRead()
  await orders.update(postgres, changed)
  await worker.kill()
  record({ kind: 'fault', situation, what: 'kill -9 of Kafka Connect' })
  await worker.start()
  await orders.update(postgres, markers)
  await reader.untilAllIsRead()
  await reader.stop()
  return { situation, delivered: reader.reads(), ends: await orders.ends() }
}

/** The topic is deleted before the sink has read all of it, made anew and filled by a new snapshot. */
export async function newTopic({ laboratory, record, count }: Trial): Promise<Outcome> {
  const situation: Situation = 'new topic'
  const { postgres } = laboratory
  const orders = await openOrders(laboratory, 'version_choice_new_topic')
  const { schema } = orders
  const connector = await openConnector(laboratory, { name: 'version-choice-new-topic', schema })
  const { topic, url, ordersTopic } = connector
  const first = await readTopic(laboratory, orders, { situation, topic, topicNumber: 0 })
  const changed = await orders.insertAll('changed in the new topic', count)
  const deleted = await orders.insertAll('deleted in the new topic', count)
  const open = await orders.insertAll('changed in a transaction that is open during the new snapshot', count)
  const unread = await orders.insertAll('last changed when the old topic was no longer read', count)
  for (let round = 1; round <= 5; round += 1) await orders.update(postgres, orders.keys())
  await first.untilAllIsRead()
  const read = first.reads()
  await orders.update(postgres, unread)
  await first.untilAllIsRead()
  await first.stop()

  await askConnector('PUT', url, '/stop')
  await askConnector('DELETE', url, '/offsets')
  const admin = await connectLog({ brokers: [laboratory.url.kafkaBrokers], clientId: 'version-choice' }).connectAdmin()
  laboratory.atEnd(() => admin.close())
  await openTopics(laboratory, admin, [ordersTopic])
  record({ kind: 'fault', situation, what: 'the topic is deleted and made anew' })
  const transaction = await orders.begin()
  await orders.update(transaction.session, open)
  // Others commit meanwhile, so the position that the new snapshot finds is beyond that change.
  await orders.update(postgres, unread)
  const second = await readTopic(laboratory, orders, { situation, topic, topicNumber: 1 })
  await askConnector('PUT', url, '/resume')
  await second.until((reads) => keysOf(reads).size >= orders.keys().length, 'the new snapshot has read every order')
  await transaction.commit()
  await orders.update(postgres, changed)
  await orders.remove(postgres, deleted)
  await second.untilAllIsRead()
  await leave(second, url)
  return { situation, delivered: [...read, ...second.reads()], ends: await orders.ends() }
}

/** The connector stops too: it would take its part of a worker that is started anew, and has nothing left to show. */
async function leave(reader: TopicReader, url: string): Promise<void> {
  await reader.stop()
  await askConnector('PUT', url, '/stop')
}

function keysOf(reads: readonly Read[]): ReadonlySet<string> {
  return new Set(reads.map(({ recorded }) => recorded.key))
}
