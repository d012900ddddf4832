/**
 * Looks at both ends of each lane: at what its database holds, and, when every sink has passed the last record, at what
 * each derived store holds. The stores are read by the auditor's own readers.
 */
import type { DerivedStore } from '@driftlab/auditor'
import { decode } from '@driftlab/change-event'
import { connectLog, type LogAdmin } from '@driftlab/kafka'
import { laneNames, orderRecords, parseOrderRow, toDocument, type OrderDocument } from '@driftlab/order'
import { eventually } from '@driftlab/stores/testing'
import { openReaders } from '../laboratory/readers.ts'
import type { RunContext } from '../runner/experiment.ts'
import { databaseNames, type Database, type DatabaseName } from './databases.ts'
import { derivedStores, type PerStore } from '../../services/orders/src/derived-stores/derived-store.ts'
import { lanes, type Counts, type Entry, type Held, type Moment } from './history.ts'
import { deadLetterTopicsOf, groupsOf } from '../laboratory/sinks.ts'

const settleDeadlineMs = 90_000
const pollIntervalMs = 100
const pageSize = 1_000

export interface Observer {
  /** Waits for the sinks, then records the database's orders and every copy of them. `lastId` was written last. */
  observe(database: Database, moment: Moment, lastId: string): Promise<void>
  /** Whether all of these orders have come to the cache of MariaDB's lane. */
  haveArrived(ids: readonly string[]): Promise<boolean>
  /** Records the changes on MariaDB's topic, by kind. */
  countChanges(): Promise<void>
}

type Stores = PerStore<DerivedStore>

/** @param ids of this run's orders: the lane `cdc` is not this experiment's alone. */
export async function openObserver(context: RunContext<Entry>, ids: ReadonlySet<string>): Promise<Observer> {
  const { record } = context
  const laboratory = context.laboratory()
  const admin = await connectLog({
    brokers: [laboratory.url.kafkaBrokers],
    clientId: 'binlog-observer',
  }).connectAdmin()
  laboratory.atEnd(() => admin.close())
  const [ofPostgres, ofMariaDb] = await Promise.all(databaseNames.map((name) => openReaders(laboratory, lanes[name])))
  if (ofPostgres === undefined || ofMariaDb === undefined) throw new Error('a lane has no stores')
  const storesOf: Readonly<Record<DatabaseName, Stores>> = { postgresql: ofPostgres, mariadb: ofMariaDb }

  return {
    observe: async (database, moment, lastId) => {
      const { name } = database
      const stores = storesOf[name]
      const outcome = await settle(admin, lanes[name], stores.redis, lastId)
      record({ type: 'settled', moment, database: name, ...outcome })
      let parked = 0
      for (const topic of deadLetterTopicsOf(lanes[name])) {
        await admin.readAll(topic, ({ headers }) => {
          const from = headers['__connect.errors.topic']
          if (from?.toString() === laneNames(lanes[name]).topic) parked += 1
        })
      }
      record({ type: 'parked', database: name, records: parked })

      const truth = await database.readAll()
      for (const [key, document] of truth) {
        if (ids.has(key)) record({ type: 'truth', moment, database: name, key, document: { ...document } })
      }
      for (const store of derivedStores) {
        for (const [key, document] of await readStore(stores[store], ids)) {
          record({ type: 'copy', moment, database: name, store, key, document })
        }
      }
    },
    haveArrived: async (ids) => (await ofMariaDb.redis.read(ids)).size === ids.length,
    countChanges: async () => {
      const counts = { snapshot: 0, insert: 0, update: 0, delete: 0 } satisfies Counts
      const others = { tombstone: 0, marker: 0, poison: 0 }
      const options = { ...orderRecords(lanes.mariadb).debezium, epoch: 0 }
      await admin.readAll(laneNames(lanes.mariadb).topic, (logRecord) => {
        const decoded = decode(logRecord, options)
        if (decoded.type === 'change') counts[decoded.change.kind] += 1
        else others[decoded.type] += 1
      })
      record({ type: 'topic', database: 'mariadb', counts, ...others })
    },
  }
}

/** The record of what was written last comes after all others: one task reads the log, in its order. */
async function settle(
  admin: LogAdmin,
  lane: string,
  cache: DerivedStore,
  lastId: string,
): Promise<{ readonly settled: boolean; readonly why: string }> {
  const { topic } = laneNames(lane)
  const wait = { deadlineMs: settleDeadlineMs, intervalMs: pollIntervalMs }
  try {
    await eventually(async () => (await cache.read([lastId])).has(lastId), {
      ...wait,
      what: `the last order is in the cache of ${lane}`,
    })
    for (const group of groupsOf(lane)) {
      await eventually(async () => (await admin.groupProgress(group, topic)).every(({ drained }) => drained), {
        ...wait,
        what: `group ${group} has passed the end of ${topic}`,
      })
    }
    return { settled: true, why: '' }
  } catch (error) {
    return { settled: false, why: error instanceof Error ? error.message : String(error) }
  }
}

async function readStore(store: DerivedStore, ids: ReadonlySet<string>): Promise<ReadonlyMap<string, Held>> {
  const held = new Map<string, Held>()
  for await (const page of store.keys(pageSize)) {
    for (const [key, copy] of await store.read(page.filter((key) => ids.has(key)))) {
      if (copy.state !== 'absent') held.set(key, copy.state === 'present' ? toHeld(copy.fields, store.dialect) : copy)
    }
  }
  return held
}

const documentFields = [
  'id',
  'customerId',
  'customerName',
  'items',
  'status',
  'note',
  'totalCents',
  'currency',
  'createdAt',
  'updatedAt',
  'revision',
] as const satisfies readonly (keyof OrderDocument)[]

function toHeld(fields: Readonly<Record<string, unknown>>, dialect: DerivedStore['dialect']): Held {
  return dialect === 'warehouse'
    ? { ...documentOfWarehouse(fields) }
    : Object.fromEntries(documentFields.map((field) => [field, fields[field]]))
}

/** ClickHouse quotes its 64-bit numbers and names the items' fields in its own way. */
function documentOfWarehouse(fields: Readonly<Record<string, unknown>>): OrderDocument {
  const items = fields['items'] as readonly Readonly<Record<string, unknown>>[]
  return toDocument(
    parseOrderRow({
      ...fields,
      items: items.map(({ sku, description, quantity, unit_price_cents }) => ({
        ...{ sku, description },
        ...{ quantity: Number(quantity), unitPriceCents: Number(unit_price_cents) },
      })),
    }),
  )
}
