/**
 * What the events of an order say: how it came to be what it is, and what it was at a moment. Pure.
 *
 * The answers are those of `make log-state` and `make log-trail` (services/order-processor/src/log-questions.ts).
 */
import type { SourceRow, SourceState, Specification } from '@driftlab/auditor'
import { toDocument, toRow } from '@driftlab/order'
import {
  stateAsOf,
  trailOf,
  Unanswerable,
  type Moment,
  type StateAsOf,
  type Step,
} from '../../order-processor/src/log-questions.ts'
import { Problem } from './problem.ts'
import type { Recorded } from './stores/log.ts'

/** @returns nothing for an order that the log does not know. @throws {Problem} `log-broken` */
export function stepsOf({ records }: Recorded, id: string): readonly Step[] {
  if (records.length === 0) return []
  try {
    return trailOf(records, id)
  } catch (error) {
    if (!(error instanceof Unanswerable)) throw error
    throw new Problem('log-broken', error.message, { cause: error })
  }
}

/** @param steps at least one. @throws {Problem} `invalid-request` for an offset that the log does not have yet. */
export function orderAsOf(steps: readonly Step[], moment: Moment, { ranges }: Recorded): StateAsOf {
  try {
    return stateAsOf(steps, moment, ranges)
  } catch (error) {
    if (!(error instanceof Unanswerable)) throw error
    const detail = 'is beyond the end of the partition'
    throw new Problem('invalid-request', 'The log does not go that far yet.', {
      extensions: { errors: [{ parameter: 'offset', detail }] },
      cause: error,
    })
  }
}

/** The order as the system of record has it, for a comparison: in a lane whose truth is a log, that is what its events add up to. */
export function recordedState(steps: readonly Step[], { projections }: Specification): SourceState<SourceRow> {
  const last = steps.at(-1)
  if (last === undefined) return { row: null, deletion: null }
  const { after, event } = last
  switch (after.kind) {
    case 'order': {
      // Events say their times with as many digits as they like, and stores with three.
      const document: Readonly<Record<string, unknown>> = { ...toDocument(toRow(after.order)) }
      const values = Object.fromEntries(
        Object.entries(projections['document'] ?? {}).map(([field, { column }]) => [column, document[field]]),
      ) as SourceRow['values']
      return { row: { key: event.key, revision: after.order.revision, changedAtMs: null, values }, deletion: null }
    }
    case 'removed-order':
      return { row: null, deletion: { revision: after.order.revision, deletedAtMs: Date.parse(event.at) } }
    case 'no-order':
    case 'stock':
      return { row: null, deletion: null }
  }
}
