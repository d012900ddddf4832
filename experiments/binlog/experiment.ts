/**
 * The same seeded plan through PostgreSQL's WAL and through MariaDB's binlog, each captured by Debezium into the same
 * sinks. Afterwards: what a connector meets that was away for longer than the binlog is kept.
 *
 * PostgreSQL's side is the lane `cdc` of every laboratory. MariaDB's is the lane `binlog`, which is made here: the
 * server, its connector, its topics, and three sinks.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { laneNames } from '@driftlab/order'
import { eventually } from '@driftlab/stores/testing'
import versions from '../../infra/native/versions.json' with { type: 'json' }
import { openLane } from '../laboratory/lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { startSinks } from '../laboratory/sinks.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { checks, report } from './checks.ts'
import { openBinlogConnector, type BinlogConnector } from './connector.ts'
import { openMariaDbOrders, openPostgresOrders, type MariaDb } from './databases.ts'
import { entrySchema, lanes, type Entry, type EntryOf } from './history.ts'
import { openObserver, type Observer } from './observer.ts'
import { createClient, type Transaction } from './plan.ts'
import { openWriter, type Writer } from './writer.ts'

const snapshotDeadlineMs = 60_000
const returnDeadlineMs = 60_000

export const binlog = defineExperiment<Entry>({
  name: 'binlog',
  claim:
    'The same plan of writes through PostgreSQL’s WAL and through MariaDB’s binlog ends in equal derived stores, whatever is killed or rotated on the way; only a binlog that is purged too early loses changes, and that is loud.',
  refutedBy:
    'An order that differs between the two lanes or from its own database, a record that was parked, a change that is on the topic twice or never, or a connector that goes on after its place in the binlog was purged.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report,
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { record, quick, progress, random } = context
  const laboratory = context.laboratory()
  const size = quick ? { clients: 4, transactions: 25, rounds: 1 } : { clients: 8, transactions: 100, rounds: 4 }

  progress('starting MariaDB')
  await laboratory.startOnDemand(['mariadb', 'mariadb-set-up'])
  await openLane(laboratory, { name: lanes.mariadb, kind: 'cdc', systemOfRecord: 'other' })
  const connector = await openBinlogConnector(laboratory)
  await startSinks(laboratory, lanes.mariadb)
  const mariadb = await openMariaDbOrders(laboratory)
  record({ type: 'versions', mariadb: mariadb.version, debezium: versions.debeziumMariadb })
  const postgres = openPostgresOrders(laboratory, laneNames(lanes.postgresql).schema)
  const writer = await openWriter(context, [postgres, mariadb], size.clients)
  const observer = await openObserver(context, writer.ids)
  laboratory.atEnd(() => laboratory.postgres.query('delete from cdc.orders where id = any($1)', [[...writer.ids]]))

  const clients = Array.from({ length: size.clients }, () => createClient(random))
  const next = (count: number): readonly (readonly Transaction[])[] => clients.map((client) => client.next(count))
  /** One order more. When a sink has it, the topic has all that was written before. */
  const writeOne = async (seen: EntryOf<'transaction'>['seen']): Promise<string> => {
    const [client] = clients
    if (client === undefined) throw new Error('there is no client')
    const { id, transaction } = client.create()
    await writer.write([[transaction]], seen)
    return id
  }

  progress('writing', 'before the connector of MariaDB is there')
  await writer.write(next(size.transactions), 'by-snapshot')
  const before = [...(await mariadb.readAll()).keys()]
  record({ type: 'registered', orders: before.length })
  await connector.register()
  // Killed in the middle of its snapshot it would take another, and see nothing of the log until then.
  await eventually(() => observer.haveArrived(before), {
    deadlineMs: snapshotDeadlineMs,
    what: 'the snapshot is taken',
  })
  const first = await writeOne('by-stream')
  await eventually(() => observer.haveArrived([first]), { deadlineMs: snapshotDeadlineMs, what: 'the log is followed' })
  for (let round = 1; round <= size.rounds; round += 1) {
    progress('writing', `round ${round} of ${size.rounds}, killing Kafka Connect and rotating the binlog`)
    await writeThroughFaults(context, laboratory, mariadb, writer, next(size.transactions))
  }
  const last = await writeOne('by-stream')
  progress('waiting for the sinks')
  for (const database of [postgres, mariadb]) await observer.observe(database, 'plan', last)
  await observer.countChanges()

  progress('purging the binlog under its connector')
  await connector.stop()
  await writer.write(
    clients.map((client) => [...client.next(3), client.remove(2)]),
    'not',
  )
  await mariadb.rotateLog()
  await mariadb.purgeLog()
  record({ type: 'fault', fault: 'binlog-purged' })
  // Of the new file, which is there: a connector that went on would carry it, and skip what was before.
  const afterGap = await writeOne('not')
  await connector.resume()
  record({ type: 'returned', ...(await howItReturns(connector, observer, afterGap)) })

  progress('taking a new snapshot')
  await connector.stop()
  await connector.forgetPlace()
  await connector.resume()
  await observer.observe(mariadb, 'gap', afterGap)
}

/** kill -9 of Kafka Connect while writes go on; the binlog is rotated while it is read, and again while nobody reads it. */
async function writeThroughFaults(
  { record, signal }: RunContext<Entry>,
  { lab }: Laboratory,
  mariadb: MariaDb,
  writer: Writer,
  transactions: readonly (readonly Transaction[])[],
): Promise<void> {
  const rotate = async (): Promise<void> => {
    await mariadb.rotateLog()
    record({ type: 'fault', fault: 'binlog-rotated' })
  }
  const begun = writer.written()
  const planned = transactions.flat().length * 2
  const share = (part: number) => (): boolean => writer.written() - begun >= planned * part
  const hurt = async (): Promise<void> => {
    await eventually(share(0.25), { deadlineMs: returnDeadlineMs, intervalMs: 5, what: 'a quarter is written' })
    await rotate()
    await eventually(share(0.5), { deadlineMs: returnDeadlineMs, intervalMs: 5, what: 'half is written' })
    await lab.kill('connect')
    record({ type: 'fault', fault: 'connect-killed' })
    await rotate()
  }
  await Promise.all([writer.write(transactions, 'by-stream'), hurt()])
  await lab.start(['connect'], { signal })
}

async function howItReturns(
  connector: BinlogConnector,
  observer: Observer,
  lastId: string,
): Promise<Pick<EntryOf<'returned'>, 'ended' | 'trace'>> {
  const deadline = performance.now() + returnDeadlineMs
  while (performance.now() < deadline) {
    const trace = await connector.failure()
    if (trace !== undefined) return { ended: 'failed', trace }
    if (await observer.haveArrived([lastId])) return { ended: 'went-on', trace: '' }
    await delay(250)
  }
  return { ended: 'neither', trace: '' }
}
