/** The two systems of record: the same transactions, each in its database's own SQL. */
import { parseOrderRow, toDocument, type OrderDocument } from '@driftlab/order'
import { connectPostgres, type PostgresClient } from '@driftlab/stores'
import { eventually } from '@driftlab/stores/testing'
import { createConnection, type Connection } from 'mariadb'
import type { Laboratory } from '../laboratory/laboratory.ts'
import type { Statement, Transaction } from './plan.ts'

const purgeDeadlineMs = 60_000

export const databaseNames = ['postgresql', 'mariadb'] as const
export type DatabaseName = (typeof databaseNames)[number]

export interface Session {
  run(transaction: Transaction): Promise<void>
}

export interface Database {
  readonly name: DatabaseName
  /** A connection of its own; open until the experiment ends. */
  openSession(): Promise<Session>
  /** Every order that is there, by its id. */
  readAll(): Promise<ReadonlyMap<string, OrderDocument>>
}

const byId = (rows: readonly unknown[]): ReadonlyMap<string, OrderDocument> =>
  new Map(rows.map((row) => toDocument(parseOrderRow(row))).map((document) => [document.id, document]))

/** @param schema of the lane. */
export function openPostgresOrders(laboratory: Laboratory, schema: string): Database {
  const orders = `"${schema}".orders`
  const pool = connectPostgres(laboratory.url.postgres('ORDERS'), { connectionsMax: 16 })
  const auditor = connectPostgres(laboratory.url.postgres('AUDITOR'), { connectionsMax: 1 })
  laboratory.atEnd(() => Promise.all([pool.end(), auditor.end()]))

  const execute = async (client: PostgresClient, statement: Statement): Promise<void> => {
    switch (statement.kind) {
      case 'insert': {
        const { id, customerId, customerName, items, note, totalCents, currency } = statement.order
        await client.query(
          `insert into ${orders} (id, customer_id, customer_name, items, note, total_cents, currency) values ($1, $2, $3, $4, $5, $6, $7)`,
          [id, customerId, customerName, JSON.stringify(items), note, totalCents, currency],
        )
        return
      }
      case 'update': {
        const { id, status, note } = statement
        await client.query(`update ${orders} set status = $1, note = $2 where id = $3`, [status, note, id])
        return
      }
      case 'delete':
        await client.query(`delete from ${orders} where id = $1`, [statement.id])
    }
  }

  return {
    name: 'postgresql',
    openSession: async () => {
      const client = await pool.connect()
      laboratory.atEnd(() => {
        client.release()
        return Promise.resolve()
      })
      return {
        run: async ({ statements, outcome }) => {
          await client.query('begin')
          for (const statement of statements) await execute(client, statement)
          await client.query(outcome === 'committed' ? 'commit' : 'rollback')
        },
      }
    },
    readAll: async () => byId((await auditor.query<Record<string, unknown>>(`select * from ${orders}`)).rows),
  }
}

/** Times stay text: MariaDB's have no zone, and packages/order knows that they are UTC. */
const exactly = { dateStrings: true, bigIntAsNumber: true, checkNumberRange: true, autoJsonMap: false } as const

export interface MariaDb extends Database {
  readonly version: string
  /** Closes the file that is being written and begins the next one. */
  rotateLog(): Promise<void>
  /** Deletes every file of the log but the one that is being written. Resolves when they are gone. */
  purgeLog(): Promise<void>
}

export async function openMariaDbOrders(laboratory: Laboratory): Promise<MariaDb> {
  const { settings } = laboratory
  const orders = '`binlog`.orders'
  const connect = async (role: 'ADMIN' | 'ORDERS' | 'AUDITOR'): Promise<Connection> => {
    const connection = await createConnection({
      host: settings.LAB_HOST,
      port: Number(settings.MARIADB_PORT),
      user: settings[`MARIADB_${role}_USER`],
      password: settings[`MARIADB_${role}_PASSWORD`],
      ...exactly,
    })
    laboratory.atEnd(() => connection.end())
    return connection
  }
  const admin = await connect('ADMIN')
  const auditor = await connect('AUDITOR')

  const execute = async (connection: Connection, statement: Statement): Promise<void> => {
    switch (statement.kind) {
      case 'insert': {
        const { id, customerId, customerName, items, note, totalCents, currency } = statement.order
        await connection.query(
          `insert into ${orders} (id, customer_id, customer_name, items, note, total_cents, currency) values (?, ?, ?, ?, ?, ?, ?)`,
          [id, customerId, customerName, JSON.stringify(items), note, totalCents, currency],
        )
        return
      }
      case 'update': {
        const { id, status, note } = statement
        await connection.query(`update ${orders} set status = ?, note = ? where id = ?`, [status, note, id])
        return
      }
      case 'delete':
        await connection.query(`delete from ${orders} where id = ?`, [statement.id])
    }
  }

  return {
    name: 'mariadb',
    version: admin.serverVersion(),
    openSession: async () => {
      const connection = await connect('ORDERS')
      return {
        run: async ({ statements, outcome }) => {
          await connection.query('start transaction')
          for (const statement of statements) await execute(connection, statement)
          await connection.query(outcome === 'committed' ? 'commit' : 'rollback')
        },
      }
    },
    readAll: async () => byId(await auditor.query<readonly unknown[]>(`select * from ${orders}`)),
    rotateLog: async () => {
      await admin.query('flush binary logs')
    },
    purgeLog: async () => {
      // The server keeps a file for as long as it believes that somebody reads it.
      await eventually(
        async () => {
          const files = await admin.query<readonly { readonly Log_name: string }[]>('show binary logs')
          if (files.length === 1) return true
          await admin.query('purge binary logs to ?', [files.at(-1)?.Log_name])
          return false
        },
        { deadlineMs: purgeDeadlineMs, what: 'the binlog is purged' },
      )
    },
  }
}
