/** Changes of a lane's orders, made by an administrator: each is a transaction of its own. */
import type { Postgres } from '@driftlab/stores'

export interface Orders {
  insert(count: number): Promise<void>
  /** Of the oldest orders, again and again. */
  update(count: number): Promise<void>
  /** Of the youngest. */
  remove(count: number): Promise<void>
  /** Rows into a table that no publication has. */
  fillOther(rows: number): Promise<void>
}

export function ordersOf(postgres: Postgres, schema: string): Orders {
  /** `turn` counts the transactions, from 1. */
  const each = async (count: number, statement: string): Promise<void> => {
    await postgres.query(`do $$ begin for turn in 1..${count} loop ${statement}; commit; end loop; end $$`)
  }
  return {
    insert: (count) =>
      each(
        count,
        `insert into ${schema}.orders (id, customer_id, customer_name, items, note, total_cents, currency)
         values (uuidv7(), 'c-' || turn, 'Ada Lovelace', '[{"sku": "s", "description": "d", "quantity": 1, "unitPriceCents": 250}]', 'new', 250, 'EUR')`,
      ),
    update: (count) =>
      each(
        count,
        `update ${schema}.orders set note = 'change ' || turn where id =
           (select id from ${schema}.orders order by id offset turn % 20 limit 1)`,
      ),
    remove: (count) =>
      each(count, `delete from ${schema}.orders where id = (select id from ${schema}.orders order by id desc limit 1)`),
    fillOther: async (rows) => {
      await postgres.query(`create table if not exists ${schema}.other (n int, text text)`)
      await postgres.query(`insert into ${schema}.other select n, md5(n::text) from generate_series(1, $1::int) n`, [
        rows,
      ])
    },
  }
}
