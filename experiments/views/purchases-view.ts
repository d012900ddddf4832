/**
 * The view in PostgreSQL: a document for each order that was bought, with the customer's current name in it.
 *
 * Invariant: batches come one at a time (log-reader.ts) and each is one transaction, so a document that is written takes the
 * name that is known then, and a name that comes later finds every document that there is. Whichever came first, they meet.
 */
import type { LogRecord } from '@driftlab/kafka'
import { decodeEvent, startFold } from '@driftlab/order-events'
import type { EventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { startLogReader, type LogReader } from '../laboratory/log-reader.ts'
import { inTransaction } from '../laboratory/transaction.ts'
import { decodeCustomer, lastNames } from './customers.ts'
import { lastOfEach, purchaseChange, type Purchase } from './purchase.ts'

export type PurchaseDocument = Purchase & { readonly customerName: string }

export interface PurchasesView {
  /** Fills it from the beginning of both topics, and goes on. */
  project(): Promise<LogReader>
  /** Events that it has taken, and documents that it wrote because of them. */
  readonly counts: { readonly events: number; readonly documentsWritten: number }
  documents(): Promise<readonly PurchaseDocument[]>
  /** How many documents a customer has, and how many of them have this name. */
  named(customerId: string, name: string): Promise<{ readonly documents: number; readonly renamed: number }>
}

export async function openPurchasesView(
  laboratory: Laboratory,
  lane: EventSourcedLane,
  { schema, customersTopic }: { readonly schema: string; readonly customersTopic: string },
): Promise<PurchasesView> {
  const { postgres } = laboratory
  await postgres.query(`create table ${schema}.names (customer_id text primary key, name text not null)`)
  await postgres.query(
    `create table ${schema}.purchases (
       order_id uuid primary key, customer_id text not null, bought_at timestamptz not null, document jsonb not null)`,
  )
  await postgres.query(`create index on ${schema}.purchases (customer_id, bought_at desc, order_id)`)
  const counts = { events: 0, documentsWritten: 0 }
  const fold = startFold()

  const takeEvents = async (records: readonly LogRecord[]): Promise<void> => {
    const changes = lastOfEach(
      records.flatMap((record) => {
        const event = decodeEvent(record.key, record.value)
        const before = fold.state(event.key)
        fold.add(event)
        return purchaseChange(before, event) ?? []
      }),
    )
    const dropped = changes.flatMap((change) => (change.kind === 'drop' ? [change.orderId] : []))
    const put = changes.flatMap((change) => (change.kind === 'put' ? [change.purchase] : []))
    counts.documentsWritten += await inTransaction(postgres, async (client) => {
      const gone = await client.query(`delete from ${schema}.purchases where order_id = any ($1)`, [dropped])
      const written = await client.query(
        `insert into ${schema}.purchases (order_id, customer_id, bought_at, document)
         select (document ->> 'orderId')::uuid, document ->> 'customerId', (document ->> 'boughtAt')::timestamptz,
           document || jsonb_build_object('customerName', coalesce(name, ''))
         from jsonb_array_elements($1) as added (document)
         left join ${schema}.names on customer_id = document ->> 'customerId'
         on conflict (order_id) do update set document = excluded.document, bought_at = excluded.bought_at`,
        [JSON.stringify(put)],
      )
      return (gone.rowCount ?? 0) + (written.rowCount ?? 0)
    })
    counts.events += records.length
  }

  const takeNames = async (records: readonly LogRecord[]): Promise<void> => {
    const names = JSON.stringify(
      Array.from(lastNames(records.map(decodeCustomer)), ([customer_id, name]) => ({ customer_id, name })),
    )
    await inTransaction(postgres, async (client) => {
      await client.query(
        `insert into ${schema}.names select * from jsonb_to_recordset($1) as renamed (customer_id text, name text)
         on conflict (customer_id) do update set name = excluded.name`,
        [names],
      )
      await client.query(renaming(schema), [names])
    })
  }

  return {
    counts,
    project: () =>
      startLogReader(laboratory, {
        ...{ log: lane.log, admin: lane.admin, name: `${lane.name}-purchases` },
        topics: [lane.topics.events, customersTopic],
        take: (records) => (records[0]?.topic === customersTopic ? takeNames(records) : takeEvents(records)),
      }),
    documents: async () => {
      const { rows } = await postgres.query<{ document: PurchaseDocument }>(`select document from ${schema}.purchases`)
      return rows.map(({ document }) => document)
    },
    named: async (customerId, name) => {
      const { rows } = await postgres.query<{ documents: string; renamed: string }>(
        `select count(*) as documents, count(*) filter (where document ->> 'customerName' = $2) as renamed
         from ${schema}.purchases where customer_id = $1`,
        [customerId, name],
      )
      return { documents: Number(rows[0]?.documents), renamed: Number(rows[0]?.renamed) }
    },
  }
}

/** Writes a name into every document of its customer: $1, an array of customer_id and name. */
export function renaming(schema: string): string {
  return `update ${schema}.purchases set document = jsonb_set(document, '{customerName}', to_jsonb(name))
    from jsonb_to_recordset($1) as renamed (customer_id text, name text)
    where purchases.customer_id = renamed.customer_id and document ->> 'customerName' is distinct from name`
}
