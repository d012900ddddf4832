/** The parts of the claim; pure functions of the history. */
import type { Check } from '../runner/experiment.ts'
import { entriesOf, type Entry, type LogName, type Original } from './history.ts'

/** Of a run that could have told anything: some cut in the middle, and both ends. */
export const isTheSameFor = (log: LogName, statement: string): Check<Entry> => ({
  statement,
  check: (history) => {
    const cuts = entriesOf(history, 'cut').filter((cut) => cut.log === log)
    const wrong = cuts.filter(({ resumed, whole }) => resumed !== whole)
    const because = `${wrong.length} of ${cuts.length} cuts end in another state`
    if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong.slice(0, 20) }
    const covered = [
      cuts.some(({ before }) => before === 0),
      cuts.some(({ after }) => after === 0),
      cuts.some(({ partition, before, after }) => partition === null && before > 0 && after > 0),
      cuts.some(({ partition, before, after }) => partition !== null && before > 0 && after > 0),
    ]
    return covered.every(Boolean)
      ? { verdict: 'holds', because }
      : { verdict: 'unknown', because: `${because}, but not every kind of cut was made` }
  },
})

export const rebuilds = (original: Original, statement: string): Check<Entry> => ({
  statement,
  check: (history) => {
    const orders = entriesOf(history, 'order').filter((order) => order.original === original)
    const wrong = orders.filter(({ folded, found }) => folded !== found)
    const present = orders.filter(({ found }) => found !== null).length
    const because = `${wrong.length} of ${orders.length} orders differ; ${present} exist, ${orders.length - present} are no more`
    if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong.slice(0, 20) }
    return present > 0 && present < orders.length
      ? { verdict: 'holds', because }
      : { verdict: 'unknown', because: `${because}: too few to tell` }
  },
})

export const storesAgree: Check<Entry> = {
  statement: 'What the events come to is what each derived store holds, value by value',
  check: (history) => {
    const [audit] = entriesOf(history, 'audit')
    if (audit === undefined || audit.orders === 0 || audit.stores.length === 0) {
      return { verdict: 'unknown', because: 'nothing was audited' }
    }
    const because = `${audit.verdict} of ${audit.orders} orders in ${audit.stores.join(', ')}`
    switch (audit.verdict) {
      case 'consistent':
        return { verdict: 'holds', because }
      case 'diverged':
        return { verdict: 'refuted', because, evidence: [audit] }
      case 'unknown':
        return { verdict: 'unknown', because }
    }
  },
}

export const eventsCut = isTheSameFor(
  'events',
  'Folding the events up to any place, and the rest from what was written down there, ends where folding all of them does',
)
export const changesCut = isTheSameFor('changes', 'The same holds for the row changes of a table that is captured')
export const laneRebuilt = rebuilds(
  'change log of the lane',
  'The orders that the events fold to are those that the lane tells its stores, no order more or less',
)
export const tableRebuilt = rebuilds(
  'table that was captured',
  'A table that is captured is made anew from its change log, no row more or less',
)

export const checks: readonly Check<Entry>[] = [eventsCut, laneRebuilt, storesAgree, changesCut, tableRebuilt]
