/** What the view has to hold, told from the plan and the names that were given: no log, no projection. Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { PlannedOrder } from '../laboratory/planned-orders.ts'
import type { EntryOf } from './history.ts'
import type { PurchaseDocument } from './purchases-view.ts'

export function expectedDocuments(
  orders: readonly PlannedOrder[],
  names: ReadonlyMap<string, string>,
): readonly PurchaseDocument[] {
  return orders.flatMap(({ id, customerId, items, paidAt, cancelledAt, removedAt }) =>
    paidAt === undefined || cancelledAt !== undefined || removedAt !== undefined
      ? []
      : [
          {
            ...{ orderId: id, customerId, boughtAt: paidAt.toISOString(), items },
            customerName: names.get(customerId) ?? '',
          },
        ],
  )
}

/** Document by document, on both sides. */
export function compare(
  found: readonly PurchaseDocument[],
  expected: readonly PurchaseDocument[],
): Pick<EntryOf<'compared'>, 'documents' | 'missing' | 'tooMany' | 'different'> {
  const byId = new Map(found.map((document) => [document.orderId, document]))
  const ids = new Set(expected.map(({ orderId }) => orderId))
  const idsOf = (documents: readonly PurchaseDocument[]): string[] => documents.map(({ orderId }) => orderId)
  return {
    documents: expected.length,
    missing: idsOf(expected.filter(({ orderId }) => !byId.has(orderId))),
    tooMany: idsOf(found.filter(({ orderId }) => !ids.has(orderId))),
    different: idsOf(
      expected.filter((document) => {
        const same = byId.get(document.orderId)
        return same !== undefined && !isDeepStrictEqual(same, document)
      }),
    ),
  }
}
