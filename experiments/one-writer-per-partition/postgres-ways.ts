/**
 * Selling out of PostgreSQL, each way as its advocate would write it: prepared statements, as few of them as it needs, and a
 * pool that is small enough for two cores.
 */
import { escapeIdentifier } from 'pg'
import { setTimeout as delay } from 'node:timers/promises'
import { connectPostgres, type Postgres, type PostgresClient } from '@driftlab/stores'
import type { Laboratory } from '../laboratory/laboratory.ts'
import type { Answer, Shop } from './shop.ts'

const schema = 'one_writer_per_partition'
/** More make a busy server slower, and lose more transactions to one another. */
const connectionsMax = 16

export interface PostgresShops {
  readonly serializable: Shop
  readonly conditional: Shop
  readonly checkInCode: Shop
}

export async function openPostgresShops(laboratory: Laboratory, random: () => number): Promise<PostgresShops> {
  const { postgres: admin, url } = laboratory
  const drop = () => admin.query(`drop schema if exists ${escapeIdentifier(schema)} cascade`)
  await drop()
  laboratory.atEnd(drop)
  await admin.query(`create schema ${schema}`)
  await admin.query(
    `create table ${schema}.stocks (sku text primary key, received_units int not null, reserved_units int not null default 0)`,
  )
  await admin.query(
    `create table ${schema}.reservations (order_id uuid primary key, sku text not null, units int not null)`,
  )
  const postgres = connectPostgres(url.postgres('ADMIN'), { connectionsMax, timeoutMs: 30_000 })
  laboratory.atEnd(() => postgres.end())

  const shop = (buy: Shop['buy']): Shop => ({
    receive: async (skus, unitsEach) => {
      await admin.query(`insert into ${schema}.stocks (sku, received_units) select unnest($1::text[]), $2`, [
        skus,
        unitsEach,
      ])
    },
    buy,
    recorded: async (skus) => {
      const { rows } = await admin.query<{ sku: string; units: string }>(
        `select sku, sum(units) as units from ${schema}.reservations where sku = any ($1) group by sku`,
        [skus],
      )
      return new Map(rows.map(({ sku, units }) => [sku, Number(units)]))
    },
  })
  return {
    serializable: shop((sku) => buyAgainAndAgain(postgres, sku, random)),
    conditional: shop((sku) => buyByUpdate(postgres, sku)),
    checkInCode: shop((sku) =>
      withClient(postgres, async (client) => ({ outcome: await buyWithCheckInCode(client, sku), retries: 0 })),
    ),
  }
}

async function withClient<Value>(postgres: Postgres, use: (client: PostgresClient) => Promise<Value>): Promise<Value> {
  const client = await postgres.connect()
  try {
    return await use(client)
  } finally {
    client.release()
  }
}

const findStock = {
  name: 'find-stock',
  text: `select received_units, reserved_units from ${schema}.stocks where sku = $1`,
}
interface StockRow {
  readonly received_units: number
  readonly reserved_units: number
}

/** Loads the row, looks at it, writes what follows from it: what every mapper of objects does. */
async function buyWithCheckInCode(client: PostgresClient, sku: string): Promise<Answer['outcome']> {
  await client.query('begin')
  try {
    const stock = await readStock(client, sku)
    if (stock.received_units - stock.reserved_units < 1) {
      await client.query('commit')
      return 'refused'
    }
    await client.query({
      name: 'reserve',
      text: `insert into ${schema}.reservations (order_id, sku, units) values ($1, $2, 1)`,
      values: [crypto.randomUUID(), sku],
    })
    await client.query({
      name: 'save-stock',
      text: `update ${schema}.stocks set reserved_units = $2 where sku = $1`,
      values: [sku, stock.reserved_units + 1],
    })
    await client.query('commit')
    return 'sold'
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

async function readStock(client: PostgresClient, sku: string): Promise<StockRow> {
  const { rows } = await client.query<StockRow>({ ...findStock, values: [sku] })
  const [stock] = rows
  if (stock === undefined) throw new Error(`there is no stock of ${sku}`)
  return stock
}

/** What it reads is what it may rely on: the server refuses one of two that cannot both be right. */
async function buySerializably(client: PostgresClient, sku: string): Promise<Answer['outcome']> {
  await client.query('begin isolation level serializable')
  try {
    const stock = await readStock(client, sku)
    const isEnough = stock.received_units - stock.reserved_units >= 1
    if (isEnough) {
      await client.query({
        name: 'reserve-serializably',
        text: `with reservation as (insert into ${schema}.reservations (order_id, sku, units) values ($1, $2, 1))
               update ${schema}.stocks set reserved_units = $3 where sku = $2`,
        values: [crypto.randomUUID(), sku, stock.reserved_units + 1],
      })
    }
    await client.query('commit')
    return isEnough ? 'sold' : 'refused'
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

/** Those who lost to one another come back at different moments, and later each time. */
const backoffMsMax = 64

/** Until it is decided. The connection goes back between two attempts, to whoever can use it. */
async function buyAgainAndAgain(postgres: Postgres, sku: string, random: () => number): Promise<Answer> {
  for (let retries = 0; ; retries += 1) {
    try {
      return { outcome: await withClient(postgres, (client) => buySerializably(client, sku)), retries }
    } catch (error) {
      if (!isSerializationFailure(error)) throw error
      await delay(random() * Math.min(backoffMsMax, 2 ** retries))
    }
  }
}

function isSerializationFailure(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '40001'
}

/** One statement: the row's lock makes the buyers queue, and each looks at the row as the one before left it. */
async function buyByUpdate(postgres: Postgres, sku: string): Promise<Answer> {
  const { rowCount } = await postgres.query({
    name: 'buy-by-update',
    text: `with taken as (
             update ${schema}.stocks set reserved_units = reserved_units + 1
             where sku = $1 and received_units - reserved_units >= 1 returning sku)
           insert into ${schema}.reservations (order_id, sku, units) select $2, sku, 1 from taken`,
    values: [sku, crypto.randomUUID()],
  })
  return { outcome: rowCount === 1 ? 'sold' : 'refused', retries: 0 }
}
