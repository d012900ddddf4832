/** The read model: each order's document in a PostgreSQL database of its own; every SQL statement on it is here. */
import { toDocument, type OrderRow } from '@driftlab/order'
import type { Postgres } from '@driftlab/stores'
import { inTransaction, type Statement, type Transaction } from '../transactions.ts'

export interface ReadModel {
  inTransaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>
}

export function openReadModel(postgres: Postgres): ReadModel {
  return { inTransaction: (work) => inTransaction(postgres, (_client, transaction) => work(transaction)) }
}

export function putDocument(row: OrderRow): Statement {
  return {
    name: 'put-document',
    text:
      'insert into order_documents (id, document, revision) values ($1, $2, $3) ' +
      'on conflict (id) do update set document = excluded.document, revision = excluded.revision',
    values: [row.id, JSON.stringify(toDocument(row)), row.revision],
  }
}

export function removeDocument({ id }: OrderRow): Statement {
  return { name: 'remove-document', text: 'delete from order_documents where id = $1', values: [id] }
}
