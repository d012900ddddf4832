/** Changes of orders, made by hand: what the log would say if it held these rows at these offsets. */
import { parseOffset, versionOf, type ChangeEvent, type Row } from '@driftlab/change-event'
import { parseOrderRow, toDocument, type OrderDocument } from '@driftlab/order'

/** A row as a change event delivers it. The revision goes into its text too, so that two revisions never look alike. */
export function orderRow(id: string, revision: number, columns: Row = {}): Row {
  return {
    id,
    customer_id: 'customer-1',
    customer_name: `Zoë the ${revision}.`,
    items: JSON.stringify([{ sku: 'a', description: 'a thing', quantity: revision, unitPriceCents: 250 }]),
    status: 'placed',
    note: `revision ${revision}`,
    total_cents: 250 * revision,
    currency: 'EUR',
    created_at: '2026-01-02T03:04:05.678Z',
    updated_at: new Date(Date.UTC(2026, 0, 2) + revision * 1_000).toISOString(),
    revision,
    ...columns,
  }
}

function common(offset: number): Pick<ChangeEvent, 'position' | 'version' | 'source'> {
  return {
    position: { topic: 'driftlab.cdc.orders', partition: 0, offset: parseOffset(offset) },
    version: versionOf(0, parseOffset(offset)),
    source: { lsn: null, txId: 1, committedAtMs: Date.UTC(2026, 0, 2) + offset },
  }
}

export function upsertAt(offset: number, row: Row): ChangeEvent {
  return { kind: 'update', before: null, after: row, ...common(offset) }
}

export function deleteAt(offset: number, row: Row): ChangeEvent {
  return { kind: 'delete', before: row, ...common(offset) }
}

export function documentOf(row: Row): OrderDocument {
  return toDocument(parseOrderRow(row))
}
