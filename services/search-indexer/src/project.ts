/**
 * Turns order changes into operations on the search index.
 *
 * Invariant: a document holds the row as of its highest version seen, or the fact that it was deleted then.
 */
import type { ChangeEvent } from '@driftlab/change-event'
import { parseOrderRow, toDocument } from '@driftlab/order'
import type { SearchOperation } from './operations.ts'
import { timestampOf } from './timestamp.ts'

export function project(change: ChangeEvent): readonly SearchOperation[] {
  const { version } = change
  switch (change.kind) {
    case 'snapshot':
    case 'insert':
    case 'update': {
      const row = parseOrderRow(change.after)
      return [{ type: 'index', key: row.id, document: JSON.stringify(toDocument(row)), version }]
    }
    case 'delete': {
      const { id } = parseOrderRow(change.before)
      return [{ type: 'soft-delete', key: id, deletedAt: timestampOf(change.source.committedAtMs), version }]
    }
  }
}
