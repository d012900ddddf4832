/** Customers and their names: a topic of one record a customer, compacted, which is the table that the view joins. */
import type { LogRecord, OutgoingRecord } from '@driftlab/kafka'
import { z } from 'zod'

export interface Customer {
  readonly id: string
  readonly name: string
}

const nameSchema = z.object({ name: z.string() })

export function encodeCustomer({ id, name }: Customer): OutgoingRecord {
  return { key: id, value: JSON.stringify({ name }) }
}

export function decodeCustomer({ key, value }: LogRecord): Customer {
  const { name } = nameSchema.parse(JSON.parse(String(value)))
  return { id: String(key), name }
}

/** Of several names of one customer, the last. */
export function lastNames(customers: readonly Customer[]): ReadonlyMap<string, string> {
  return new Map(customers.map(({ id, name }) => [id, name]))
}
