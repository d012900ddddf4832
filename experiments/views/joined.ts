/**
 * The same purchases in normal form, and the same question asked both ways. Filled from the view itself when nobody writes any
 * more: what differs is the form.
 */
import type { Postgres } from '@driftlab/stores'
import { inTransaction } from '../laboratory/transaction.ts'
import type { EntryOf, Form } from './history.ts'
import { renaming, type PurchaseDocument } from './purchases-view.ts'

export interface BothForms {
  /** The latest purchases of a customer, the newest first. */
  ask(form: Form, customerId: string): Promise<readonly PurchaseDocument[]>
  /** All purchases of a customer. */
  count(customerId: string): Promise<number>
  bytes(form: Form): Promise<number>
  /** Writes another name, looks at what that took, and takes it back. */
  rename(
    form: Form,
    customerId: string,
  ): Promise<Pick<EntryOf<'rename cost'>, 'rowsWritten' | 'walBytes' | 'durationMs'>>
}

const latest = 20

export async function openBothForms(postgres: Postgres, schema: string): Promise<BothForms> {
  await postgres.query(
    `create table ${schema}.customers as select customer_id as id, name from ${schema}.names;
     alter table ${schema}.customers add primary key (id);
     create table ${schema}.orders as select order_id as id, customer_id, bought_at from ${schema}.purchases;
     alter table ${schema}.orders add primary key (id);
     create index on ${schema}.orders (customer_id, bought_at desc, id);
     create table ${schema}.items as
       select order_id, line::int, item ->> 'sku' as sku, item ->> 'description' as description,
         (item ->> 'quantity')::int as quantity, (item ->> 'unitPriceCents')::int as unit_price_cents
       from ${schema}.purchases, jsonb_array_elements(document -> 'items') with ordinality as items (item, line);
     alter table ${schema}.items add primary key (order_id, line)`,
  )
  for (const table of ['purchases', 'customers', 'orders', 'items']) {
    await postgres.query(`vacuum (full, analyze) ${schema}.${table}`)
  }
  const questions: Readonly<Record<Form, string>> = {
    view: `select document from ${schema}.purchases where customer_id = $1 order by bought_at desc, order_id limit ${latest}`,
    join: `select json_build_object(
             'orderId', bought.id, 'customerId', bought.customer_id,
             'boughtAt', to_char(bought.bought_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
             'customerName', customers.name,
             'items', json_agg(json_build_object('sku', sku, 'description', description, 'quantity', quantity,
               'unitPriceCents', unit_price_cents) order by line)) as document
           from (select * from ${schema}.orders where customer_id = $1 order by bought_at desc, id limit ${latest}) as bought
           join ${schema}.customers on customers.id = bought.customer_id
           join ${schema}.items on items.order_id = bought.id
           group by bought.id, bought.customer_id, bought.bought_at, customers.name
           order by bought.bought_at desc, bought.id`,
  }
  const tables: Readonly<Record<Form, readonly string[]>> = {
    view: ['purchases', 'names'],
    join: ['customers', 'orders', 'items'],
  }
  const renames: Readonly<Record<Form, string>> = {
    view: renaming(schema),
    join: `update ${schema}.customers set name = renamed.name
           from jsonb_to_recordset($1) as renamed (customer_id text, name text) where id = renamed.customer_id`,
  }

  return {
    ask: async (form, customerId) => {
      const { rows } = await postgres.query<{ document: PurchaseDocument }>({
        ...{ name: `purchases-${form}`, text: questions[form], values: [customerId] },
      })
      return rows.map(({ document }) => document)
    },
    count: async (customerId) => {
      const { rows } = await postgres.query<{ count: string }>(
        `select count(*) from ${schema}.orders where customer_id = $1`,
        [customerId],
      )
      return Number(rows[0]?.count)
    },
    bytes: async (form) => {
      const { rows } = await postgres.query<{ bytes: string }>(
        `select sum(pg_total_relation_size(name::regclass)) as bytes from unnest($1::text[]) as name`,
        [tables[form].map((table) => `${schema}.${table}`)],
      )
      return Number(rows[0]?.bytes)
    },
    rename: (form, customerId) =>
      inTransaction(postgres, async (client) => {
        const position = async (): Promise<number> => {
          const { rows } = await client.query<{ position: string }>(
            `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as position`,
          )
          return Number(rows[0]?.position)
        }
        const before = await position()
        const begunAt = performance.now()
        const names = JSON.stringify([{ customer_id: customerId, name: 'Somebody else' }])
        const { rowCount } = await client.query(renames[form], [names])
        const durationMs = performance.now() - begunAt
        const walBytes = (await position()) - before
        await client.query('rollback; begin')
        return { rowsWritten: rowCount ?? 0, walBytes, durationMs }
      }),
  }
}
