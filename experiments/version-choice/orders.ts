/**
 * The writer: orders whose every state is numbered by the writer itself, in a column, so that it can be told which of two
 * states of an order is the older one without believing any guard.
 */
import type { Row } from '@driftlab/change-event'
import type { Postgres, PostgresClient } from '@driftlab/stores'
import { v7 as uuidV7 } from 'uuid'
import { createLane, dropLane } from '../../infra/postgres/lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'

/** Who runs statements: the pool, each as a transaction of its own, or a client within one. */
export type Session = Postgres | PostgresClient

export interface Orders {
  readonly schema: string
  readonly storyOf: (key: string) => string
  /** The last step of each order, also where that is its delete. */
  readonly lastStepOf: (key: string) => number
  readonly keys: () => readonly string[]
  /** What the database holds of each order. */
  ends(): Promise<readonly OrderEnd[]>
  insertAll(story: string, count: number): Promise<readonly string[]>
  insert(session: Session, keys: readonly string[]): Promise<void>
  update(session: Session, keys: readonly string[]): Promise<void>
  remove(session: Session, keys: readonly string[]): Promise<void>
  /** One transaction, which stays open until `commit`. */
  begin(): Promise<OpenTransaction>
}

export interface OrderEnd {
  readonly key: string
  readonly story: string
  /** The step that it is at; null when it is not there. */
  readonly inDatabase: number | null
}

export interface OpenTransaction {
  readonly session: Session
  commit(): Promise<void>
}

/** In a schema of its own, which is gone when the experiment ends. */
export async function openOrders({ postgres, atEnd }: Laboratory, schema: string): Promise<Orders> {
  await dropLane(postgres, schema)
  atEnd(() => dropLane(postgres, schema))
  await createLane(postgres, schema)
  const stories = new Map<string, string>()
  const steps = new Map<string, number>()
  /** The next step of each, as text. */
  const advance = (keys: readonly string[]): readonly string[] =>
    keys.map((key) => {
      const step = (steps.get(key) ?? 0) + 1
      steps.set(key, step)
      return noteOf(step)
    })
  const table = `${schema}.orders`

  const orders: Orders = {
    schema,
    storyOf: (key) => stories.get(key) ?? 'none of ours',
    lastStepOf: (key) => steps.get(key) ?? 0,
    keys: () => [...stories.keys()],
    ends: async () => {
      const { rows } = await postgres.query<{ id: string; note: string }>(`select id, note from ${table}`)
      const present = new Map(rows.map(({ id, note }) => [id, stepIn(note)]))
      return [...stories].map(([key, story]) => ({ key, story, inDatabase: present.get(key) ?? null }))
    },
    insertAll: async (story, count) => {
      const keys = Array.from({ length: count }, () => uuidV7())
      for (const key of keys) stories.set(key, story)
      await orders.insert(postgres, keys)
      return keys
    },
    insert: async (session, keys) => {
      await session.query(
        `insert into ${table} (id, customer_id, customer_name, items, note, total_cents, currency)
         select id, 'c-1', 'Ada Lovelace', '[{"sku": "s", "description": "d", "quantity": 1, "unitPriceCents": 250}]', note, 250, 'EUR'
         from unnest($1::uuid[], $2::text[]) as new (id, note)`,
        [keys, advance(keys)],
      )
    },
    update: async (session, keys) => {
      await session.query(
        `update ${table} o set note = new.note from unnest($1::uuid[], $2::text[]) as new (id, note) where o.id = new.id`,
        [keys, advance(keys)],
      )
    },
    remove: async (session, keys) => {
      await session.query(`delete from ${table} where id = any($1::uuid[])`, [keys])
      advance(keys)
    },
    begin: async () => {
      const client = await postgres.connect()
      let ended = false
      // One that is left open would hold up the dropping of its tables.
      atEnd(() => {
        if (!ended) client.release(true)
        return Promise.resolve()
      })
      await client.query('begin')
      return {
        session: client,
        commit: async () => {
          await client.query('commit')
          ended = true
          client.release()
        },
      }
    },
  }
  return orders
}

function noteOf(step: number): string {
  return `step ${step}`
}

/** @throws when a note is none of ours. */
export function stepIn(note: unknown): number {
  const step = typeof note === 'string' ? /^step (\d+)$/.exec(note)?.[1] : undefined
  if (step === undefined) throw new Error(`Not a note of this experiment: ${JSON.stringify(note)}`)
  return Number(step)
}

/** The step of a change: a delete is the one after the row that it removes. */
export function stepOf(change: { readonly kind: string; readonly before?: Row | null; readonly after?: Row }): number {
  return change.kind === 'delete' ? stepIn(change.before?.['note']) + 1 : stepIn(change.after?.['note'])
}
