/** Orders written straight into the system of record, as the orders service writes them, without HTTP in between. */
import type { Postgres } from '@driftlab/stores'
import { v7 } from 'uuid'
import { atFixedTimes } from '../load-tests/pace.ts'

export const topic = 'driftlab.cdc.orders'

const items = JSON.stringify([
  { sku: 'engine-1', description: 'an analytical engine with all its cards', quantity: 2, unitPriceCents: 199_900 },
  { sku: 'cards-7', description: 'a hundred punched cards', quantity: 10, unitPriceCents: 250 },
])

/** @returns the new order's id. */
export async function insertOrder(postgres: Postgres): Promise<string> {
  const id = v7()
  await postgres.query({
    name: 'insert-order',
    text: `INSERT INTO cdc.orders (id, customer_id, customer_name, items, status, note, total_cents, currency)
           VALUES ($1, $2, 'Ada Lovelace', $3, 'placed', 'please ring twice', 402300, 'EUR')`,
    values: [id, `customer-${id.slice(-4)}`, items],
  })
  return id
}

export async function touchOrder(postgres: Postgres, id: string): Promise<void> {
  await postgres.query({
    name: 'touch-order',
    text: `UPDATE cdc.orders SET note = 'rang at ' || clock_timestamp()::text WHERE id = $1`,
    values: [id],
  })
}

/** Half inserts, half updates of them, in transactions of `perTransaction` rows. @returns the changes made. */
export async function writeBacklog(
  postgres: Postgres,
  changes: number,
  onProgress: (done: number) => void,
  perTransaction = 1_000,
): Promise<number> {
  let done = 0
  while (done < changes) {
    const ids = await insertMany(postgres, Math.min(perTransaction, (changes - done) / 2))
    await postgres.query(`UPDATE cdc.orders SET status = 'paid', note = 'paid by card' WHERE id = ANY($1)`, [ids])
    done += ids.length * 2
    onProgress(done)
  }
  return done
}

export async function insertOrders(
  postgres: Postgres,
  count: number,
  onProgress: (done: number) => void,
  perTransaction = 1_000,
): Promise<void> {
  for (let done = 0; done < count;) {
    done += (await insertMany(postgres, Math.min(perTransaction, count - done))).length
    onProgress(done)
  }
}

async function insertMany(postgres: Postgres, count: number): Promise<readonly string[]> {
  const { rows } = await postgres.query<{ id: string }>(
    `INSERT INTO cdc.orders (id, customer_id, customer_name, items, status, note, total_cents, currency)
     SELECT uuidv7(), 'customer-' || n, 'Ada Lovelace', $2::jsonb, 'placed', 'please ring twice', 402300, 'EUR'
     FROM generate_series(1, $1) AS n RETURNING id`,
    [count, items],
  )
  return rows.map(({ id }) => id)
}

/**
 * A quarter new orders, the others updates of the first thousand, at fixed times: an open model.
 *
 * @returns how late the latest change was sent, in ms, to see whether the writer kept its pace. @throws when a change failed.
 */
export async function writeSteadily(postgres: Postgres, forMs: number, ratePerSecond: number): Promise<number> {
  const ids: string[] = []
  let lateMaxMs = 0
  const pending = new Set<Promise<void>>()
  const failures: unknown[] = []
  await atFixedTimes({ ratePerSecond, forMs }, (number, dueMs) => {
    lateMaxMs = Math.max(lateMaxMs, performance.now() - dueMs)
    const id = ids[number % 1_000]
    const write =
      number % 4 !== 0 && id !== undefined
        ? touchOrder(postgres, id)
        : insertOrder(postgres).then((made) => void ids.push(made))
    const settled = write
      .catch((error: unknown) => {
        failures.push(error)
      })
      .finally(() => pending.delete(settled))
    pending.add(settled)
  })
  await Promise.all(pending)
  if (failures.length > 0) throw new Error(`${failures.length} changes failed`, { cause: failures[0] })
  return lateMaxMs
}
