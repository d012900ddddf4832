/**
 * The stores of a world, in memory: as much of PostgreSQL, Redis, Elasticsearch, ClickHouse and Kafka as the order of
 * writes depends on. Each request lands in one stroke, as it does in the real ones for a single key.
 */
import { parseOffset } from '@driftlab/change-event'
import type { LogRecord } from '@driftlab/kafka'
import { parseOrderRow, type OrderRow } from '@driftlab/order'
import {
  derivedStores,
  perStore,
  type DerivedStoreName,
  type DerivedStores,
  type VersionedStores,
} from '../../services/orders/src/derived-stores/derived-store.ts'
import { OrderMissing, type BeforeCommit } from '../../services/orders/src/repository.ts'
import type { SystemOfRecord } from '../../services/orders/src/strategies/strategy.ts'
import type { Actor } from './world.ts'

export const orderId = '00000000-0000-7000-8000-000000000001'
const topic = 'driftlab.cdc.orders'

/** What a derived store holds of the one order. */
export interface Held {
  readonly note: string | null
  readonly version: number
}

export interface Stores {
  row: OrderRow | null
  /** Who holds the row's lock. */
  lock: string | null
  /** Whose commit is on its way: the server carries it out even if nobody waits for the answer. */
  committing: string | null
  /** What is committed, in the order of the commits. */
  readonly log: LogRecord[]
  readonly derived: Record<DerivedStoreName, Held>
  /** Rises with each look at it. Two processes of one machine share it. */
  clock: number
}

const firstNote = 'first'

const firstRow: OrderRow = parseOrderRow({
  id: orderId,
  customer_id: 'c-1',
  customer_name: 'Zoë',
  items: [{ sku: 'tea', description: 'Green tea', quantity: 1, unitPriceCents: 450 }],
  status: 'placed',
  note: firstNote,
  total_cents: 450,
  currency: 'EUR',
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  revision: 1,
})

/** The order is there, at its first revision, in every store. */
export function createStores(): Stores {
  return {
    row: firstRow,
    lock: null,
    committing: null,
    log: [recordOf(0, null, firstRow)],
    derived: { ...perStore(() => ({ note: firstNote, version: 1 })) },
    clock: 1,
  }
}

/** As Debezium writes it. */
function recordOf(offset: number, before: OrderRow | null, after: OrderRow | null): LogRecord {
  const operation = after === null ? 'd' : before === null ? 'c' : 'u'
  const source = {
    connector: 'postgresql',
    schema: 'cdc',
    table: 'orders',
    lsn: offset + 1,
    txId: offset + 1,
    ts_ms: 1_000 + offset,
  }
  return {
    topic,
    partition: 0,
    offset: parseOffset(offset),
    timestampMs: 1_000 + offset,
    key: Buffer.from(JSON.stringify({ id: orderId })),
    value: Buffer.from(JSON.stringify({ op: operation, before, after, source })),
    headers: {},
  }
}

/** PostgreSQL as one process sees it: a lock from the read to the commit, and a commit that is one stroke. */
export function systemOfRecord(stores: Stores, actor: Actor): SystemOfRecord {
  const transaction = async (
    what: string,
    change: (row: OrderRow) => OrderRow | null,
    beforeCommit: BeforeCommit | undefined,
  ): Promise<OrderRow> => {
    const before = await actor.request({
      label: 'locks the row in postgresql',
      ready: () => stores.lock === null,
      endsWithSender: true,
      land: () => {
        if (stores.row === null) throw new OrderMissing(orderId, 'deleted')
        stores.lock = actor.name
        return stores.row
      },
    })
    const after = change(before)
    try {
      await beforeCommit?.(after ?? before, {
        execute: () => Promise.reject(new Error('no strategy in here writes a second table')),
        prepare: () => Promise.reject(new Error('no strategy in here prepares its transaction')),
      })
    } catch (error) {
      await actor.request({
        label: 'rolls back in postgresql',
        endsWithSender: true,
        land: () => {
          endTransaction(stores, actor.name)
        },
      })
      throw error
    }
    stores.committing = actor.name
    await actor.request({
      label: `commits ${what} in postgresql`,
      land: () => {
        stores.row = after
        stores.log.push(recordOf(stores.log.length, before, after))
        endTransaction(stores, actor.name)
      },
      onLost: () => {
        endTransaction(stores, actor.name)
      },
    })
    return after ?? before
  }

  return {
    create: () => Promise.reject(new Error('no scenario creates an order')),
    update: (_id, decide, beforeCommit) => {
      const { note = firstNote } = decide(firstRow)
      return transaction(`note ${note}`, (row) => ({ ...row, note, revision: row.revision + 1 }), beforeCommit)
    },
    remove: (_id, guard, beforeCommit) =>
      transaction(
        'the removal',
        (row) => {
          guard(row)
          return null
        },
        beforeCommit,
      ),
  }
}

function endTransaction(stores: Stores, holder: string): void {
  if (stores.lock === holder) stores.lock = null
  if (stores.committing === holder) stores.committing = null
}

/** The connection breaks: the server rolls back, unless the commit is on its way already. */
export function breakConnection(stores: Stores, holder: string): void {
  if (stores.committing !== holder) endTransaction(stores, holder)
}

/** Stores in which the last write to land wins. */
export function overwritingStores(stores: Stores, actor: Actor): DerivedStores {
  const write = (name: DerivedStoreName, note: string | null): Promise<void> =>
    actor.request({
      label: note === null ? `removes it from ${name}` : `puts note ${note} into ${name}`,
      canFail: true,
      land: () => {
        stores.derived[name] = { note, version: 0 }
      },
    })
  return perStore((name) => ({ put: (row) => write(name, row.note), remove: () => write(name, null) }))
}

/** Stores that keep the highest version. */
export function versionedStores(stores: Stores, actor: Actor): VersionedStores {
  const write = (name: DerivedStoreName, note: string | null, version: number): Promise<void> =>
    actor.request({
      label: `${note === null ? 'removes it from' : `puts note ${note} into`} ${name}, version ${version}`,
      canFail: true,
      land: () => {
        if (version >= stores.derived[name].version) stores.derived[name] = { note, version }
      },
    })
  return perStore((name) => ({
    put: (row, version) => write(name, row.note, version),
    remove: (_row, version) => write(name, null, version),
  }))
}

export function readClock(stores: Stores): number {
  stores.clock += 1
  return stores.clock
}

/** Which derived stores hold something else than the system of record. */
export function divergentStores(stores: Stores): readonly DerivedStoreName[] {
  const truth = stores.row?.note ?? null
  return derivedStores.filter((name) => stores.derived[name].note !== truth)
}

export function contentsOf({ row, lock, committing, log, derived, clock }: Stores): unknown {
  return [row?.note, row?.revision, lock, committing, log.length, derived, clock]
}
