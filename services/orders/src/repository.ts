/**
 * The orders of one lane in PostgreSQL, the system of record: every SQL statement of the service is here.
 *
 * Invariant: each write is one transaction, and an update or a removal holds the row's lock from the read that it was
 * decided on to its commit, so a decision is never made on a row that somebody changes meanwhile. It knows no rule of
 * the business and no other store.
 */
import { parseOrderRow, laneNames, type OrderChange, type OrderItem, type OrderRow } from '@driftlab/order'
import { DatabaseError, type Postgres } from '@driftlab/stores'
import { z } from 'zod'
import { ask, inTransaction, type Connection, type Transaction } from './transactions.ts'

export { DatabaseError } from '@driftlab/stores'
export type { Statement, Transaction } from './transactions.ts'

export interface CreateOrder {
  readonly id: string
  readonly customerId: string
  readonly customerName: string
  readonly items: readonly OrderItem[]
  readonly note: string
  readonly totalCents: number
  readonly currency: string
  /** Makes the creation happen once for each key; `fingerprint` tells whether a repeat asks for the same thing. */
  readonly idempotency?: Idempotency | undefined
}

export interface Idempotency {
  readonly key: string
  readonly fingerprint: string
}

/** `repeated`: the key was used before; `row` is the order as it was created then, whatever became of it since. */
export interface Created {
  readonly outcome: 'created' | 'repeated'
  readonly row: OrderRow
}

/**
 * Runs inside the transaction that wrote `row` (for a removal: the row as it was), before its commit; when it throws,
 * nothing was written here. One that prepares the transaction has to see to its end.
 */
export type BeforeCommit = (row: OrderRow, transaction: Transaction) => Promise<void>

/** Given the locked row, says what to change, or throws to change nothing. */
export type DecideChange = (current: OrderRow) => OrderChange
/** Given the locked row, returns to let it be removed, or throws to keep it. */
export type GuardRemoval = (current: OrderRow) => void

export class OrderMissing extends Error {
  override readonly name = 'OrderMissing'
  readonly id: string
  readonly reason: 'unknown' | 'deleted'

  constructor(id: string, reason: 'unknown' | 'deleted') {
    super(`order ${id} is ${reason}`)
    this.id = id
    this.reason = reason
  }
}

/** The idempotency key stands for another request. */
export class IdempotencyKeyReused extends Error {
  override readonly name = 'IdempotencyKeyReused'
}

export interface OrdersRepository {
  /** @throws {IdempotencyKeyReused} */
  create(command: CreateOrder, beforeCommit?: BeforeCommit): Promise<Created>
  /** @throws {OrderMissing} */
  update(id: string, decide: DecideChange, beforeCommit?: BeforeCommit): Promise<OrderRow>
  /** @returns the row as it was. @throws {OrderMissing} */
  remove(id: string, guard: GuardRemoval, beforeCommit?: BeforeCommit): Promise<OrderRow>
  /** @throws {OrderMissing} */
  find(id: string): Promise<OrderRow>
  /** Up to `limit` orders with ids after `after`, in the order of their ids, which is about that of their creation. */
  list(after: string | undefined, limit: number): Promise<readonly OrderRow[]>
  /** Forgets idempotency keys older than this. @returns how many. */
  purgeIdempotencyKeys(ageMaxMs: number): Promise<number>
  ping(): Promise<void>
}

const columns =
  'id, customer_id, customer_name, items, status, note, total_cents, currency, created_at, updated_at, revision'

/** Sorts before every id that this service makes. */
const nilId = '00000000-0000-0000-0000-000000000000'

const keyRowSchema = z.object({ fingerprint: z.string(), order_id: z.string(), created_at: z.date() })

export function ordersRepository(postgres: Postgres, lane: string): OrdersRepository {
  const { schema } = laneNames(lane)
  const orders = `"${schema}".orders`
  const keys = `"${schema}".idempotency_keys`
  const deletions = `"${schema}".order_deletions`

  const fail = async (connection: Connection, id: string): Promise<never> => {
    const { rows } = await ask(connection, {
      name: 'find-deletion',
      text: `select id from ${deletions} where id = $1`,
      values: [id],
    })
    throw new OrderMissing(id, rows.length === 0 ? 'unknown' : 'deleted')
  }

  const lock = async (connection: Connection, id: string): Promise<OrderRow> => {
    const { rows } = await ask(connection, {
      name: 'lock-order',
      text: `select ${columns} from ${orders} where id = $1 for update`,
      values: [id],
    })
    return rows.length === 0 ? await fail(connection, id) : parseOrderRow(rows[0])
  }

  const valuesOf = (command: CreateOrder): readonly unknown[] => [
    command.id,
    command.customerId,
    command.customerName,
    JSON.stringify(command.items),
    command.note,
    command.totalCents,
    command.currency,
  ]
  const insert = `insert into ${orders} (id, customer_id, customer_name, items, note, total_cents, currency)`
  const values = '$1::uuid, $2::text, $3::text, $4::jsonb, $5::text, $6::bigint, $7::text'

  /**
   * One statement, so one transaction: the key and the order are there together or not at all. A second request with
   * the key waits in here until the first has committed, and then finds the key taken.
   */
  const createOnce = async (
    connection: Connection,
    command: CreateOrder,
    { key, fingerprint }: Idempotency,
  ): Promise<Created> => {
    const { rows } = await ask(connection, {
      name: 'create-order-once',
      text:
        `with claim as (insert into ${keys} (key, fingerprint, order_id) values ($8, $9, $1) ` +
        `on conflict (key) do nothing returning key) ${insert} select ${values} from claim returning ${columns}`,
      values: [...valuesOf(command), key, fingerprint],
    })
    return rows.length === 0
      ? await repeat(connection, command, { key, fingerprint })
      : { outcome: 'created', row: parseOrderRow(rows[0]) }
  }

  /** The first answer again. The key fixes the request, and the request with its id and its time fixes the answer. */
  const repeat = async (
    connection: Connection,
    command: CreateOrder,
    { key, fingerprint }: Idempotency,
  ): Promise<Created> => {
    const { rows } = await ask(connection, {
      name: 'find-key',
      text: `select fingerprint, order_id, created_at from ${keys} where key = $1`,
      values: [key],
    })
    // Only a purge between the two statements takes a key away; the client may then ask again.
    if (rows.length === 0) throw new DatabaseError('contended', new Error('the idempotency key was just purged'))
    const first = keyRowSchema.parse(rows[0])
    if (first.fingerprint !== fingerprint) throw new IdempotencyKeyReused()
    const row = parseOrderRow({
      id: first.order_id,
      customer_id: command.customerId,
      customer_name: command.customerName,
      items: command.items,
      status: 'placed',
      note: command.note,
      total_cents: command.totalCents,
      currency: command.currency,
      created_at: first.created_at,
      updated_at: first.created_at,
      revision: 1,
    })
    return { outcome: 'repeated', row }
  }

  const createOn = async (connection: Connection, command: CreateOrder): Promise<Created> => {
    if (command.idempotency !== undefined) return await createOnce(connection, command, command.idempotency)
    const { rows } = await ask(connection, {
      name: 'create-order',
      text: `${insert} values (${values}) returning ${columns}`,
      values: valuesOf(command),
    })
    return { outcome: 'created', row: parseOrderRow(rows[0]) }
  }

  return {
    create: async (command, beforeCommit) => {
      // One statement is a transaction by itself, and a round trip instead of three.
      if (beforeCommit === undefined) return await createOn(postgres, command)
      return await inTransaction(postgres, async (client, transaction) => {
        const created = await createOn(client, command)
        if (created.outcome === 'created') await beforeCommit(created.row, transaction)
        return created
      })
    },

    update: (id, decide, beforeCommit) =>
      inTransaction(postgres, async (client, transaction) => {
        const change = decide(await lock(client, id))
        const assignments = Object.entries(assignmentsOf(change))
        const { rows } = await ask(client, {
          text:
            `update ${orders} set ${assignments.map(([column], index) => `${column} = $${index + 2}`).join(', ')} ` +
            `where id = $1 returning ${columns}`,
          values: [id, ...assignments.map(([, value]) => value)],
        })
        const row = parseOrderRow(rows[0])
        await beforeCommit?.(row, transaction)
        return row
      }),

    remove: (id, guard, beforeCommit) =>
      inTransaction(postgres, async (client, transaction) => {
        const row = await lock(client, id)
        guard(row)
        await ask(client, { name: 'remove-order', text: `delete from ${orders} where id = $1`, values: [id] })
        await beforeCommit?.(row, transaction)
        return row
      }),

    find: async (id) => {
      const { rows } = await ask(postgres, {
        name: 'find-order',
        text: `select ${columns} from ${orders} where id = $1`,
        values: [id],
      })
      return rows.length === 0 ? await fail(postgres, id) : parseOrderRow(rows[0])
    },

    list: async (after, limit) => {
      const { rows } = await ask(postgres, {
        name: 'list-orders',
        text: `select ${columns} from ${orders} where id > $1 order by id limit $2`,
        values: [after ?? nilId, limit],
      })
      return rows.map(parseOrderRow)
    },

    purgeIdempotencyKeys: async (ageMaxMs) => {
      const { rowCount } = await ask(postgres, {
        text: `delete from ${keys} where created_at < now() - $1::double precision * interval '1 millisecond'`,
        values: [ageMaxMs],
      })
      return rowCount ?? 0
    },

    ping: async () => {
      await ask(postgres, { text: 'select 1' })
    },
  }
}

/** The columns to set. Only those that change: a large note that stays is then not written again. */
function assignmentsOf(change: OrderChange): Readonly<Record<string, unknown>> {
  return {
    ...(change.customerName === undefined ? {} : { customer_name: change.customerName }),
    ...(change.items === undefined ? {} : { items: JSON.stringify(change.items) }),
    ...(change.note === undefined ? {} : { note: change.note }),
    ...(change.status === undefined ? {} : { status: change.status }),
    ...(change.totalCents === undefined ? {} : { total_cents: change.totalCents }),
  }
}
