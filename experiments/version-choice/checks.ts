import type { Check, Report } from '../runner/experiment.ts'
import { entriesOf, guards, situations, type Entry } from './history.ts'
export const checks: readonly Check<Entry>[] = [
  { statement: 'x', check: () => ({ verdict: 'unknown', because: 'draft' }) },
]
export function report(history: readonly Entry[]): Report {
  return {
    charts: [],
    tables: [
      {
        title: 'draft',
        head: ['guard', ...situations],
        rows: guards.map((guard) => [
          guard,
          ...situations.map((situation) => {
            const ends = entriesOf(history, 'end', situation).filter((e) => e.guard === guard)
            return `${ends.filter((e) => e.inStore !== e.inDatabase).length} of ${ends.length}`
          }),
        ]),
      },
    ],
  }
}
