/** The parts of the claim; pure functions of the history. */
import type { Check } from '../runner/experiment.ts'
import { entriesOf, type Entry, type EntryOf } from './history.ts'
import { possibleAmounts, possiblePrices } from './recover.ts'
import { fixedPricing } from './revenue.ts'

const euros = (amountCents: number): string => (amountCents / 100).toFixed(2)

export const replayMakesItRight: Check<Entry> = {
  statement:
    'Replayed beside the running one while writes go on, the fixed view equals the exact computation, row by row',
  check: (history) => {
    const [seen] = entriesOf(history, 'seen')
    const [replayed] = entriesOf(history, 'replayed')
    const [ended] = entriesOf(history, 'ended')
    if (seen === undefined || replayed === undefined || ended === undefined) {
      return { verdict: 'unknown', because: 'the run did not get to its end' }
    }
    const { rows, differing, examples } = ended.comparison
    const because = `as shipped, ${seen.comparison.differing} of ${seen.comparison.rows} rows were wrong, ${euros(seen.comparison.totalCents - seen.comparison.exactCents)} in all; replayed in ${(replayed.durationMs / 1_000).toFixed(1)} s beside ${replayed.eventsWritten} new events, ${differing} of ${rows} are`
    if (differing > 0) return { verdict: 'refuted', because, evidence: examples }
    if (rows === 0 || seen.comparison.differing === 0) {
      return { verdict: 'unknown', because: `${because}: there was nothing to set right` }
    }
    return replayed.eventsWritten === 0 || replayed.eventsTakenByRunning === 0
      ? { verdict: 'unknown', because: `${because}: nothing went on beside it` }
      : { verdict: 'holds', because }
  },
}

export const readersNeverStand: Check<Entry> = {
  statement:
    'Whoever reads meanwhile always gets a whole view, the old one and then the new one, and never an older state',
  check: (history) => {
    const reads = entriesOf(history, 'read')
    const failed = reads.filter(({ found }) => found === null)
    const found = reads.flatMap((read) => (read.found === null ? [] : [read.found]))
    const backwards = found.filter((read, index) => {
      const before = found[index - 1]
      return (
        before !== undefined &&
        (read.events < before.events || (before.version === 'fixed' && read.version === 'shipped'))
      )
    })
    const count = (version: 'shipped' | 'fixed'): number => found.filter((read) => read.version === version).length
    const because = `${count('shipped')} reads of the old view and then ${count('fixed')} of the new one, ${failed.length} failed, ${backwards.length} went back`
    if (failed.length > 0 || backwards.length > 0) {
      return { verdict: 'refuted', because, evidence: [...failed, ...backwards].slice(0, 20) }
    }
    return { verdict: count('shipped') > 0 && count('fixed') > 0 ? 'holds' : 'unknown', because }
  },
}

export const inPlaceIsLost: Check<Entry> = {
  statement: 'Where rows were updated in place, the same bug cannot be undone: rows that are alike ought to differ',
  check: (history) => {
    const lines = entriesOf(history, 'line')
    const [inPlace] = entriesOf(history, 'in place')
    if (inPlace === undefined || lines.length === 0) return { verdict: 'unknown', because: 'no row was looked at' }
    if (inPlace.unlikeShipped > 0) {
      return { verdict: 'unknown', because: `${inPlace.unlikeShipped} rows are not those of the same bug` }
    }
    if (lines.some((line) => !possiblePrices(line).includes(line.listUnitCents))) {
      return { verdict: 'unknown', because: 'a line has another list price than any that was thought possible' }
    }
    const ambiguous = lines.filter(isAmbiguous)
    const pairs = alikeButDifferent(lines)
    const because = `${ambiguous.length} of ${lines.length} discounted lines may have had one list price or another, ${inPlace.linesGone} lines went with their orders, and so ${inPlace.rowsLost} of ${inPlace.rows} rows of revenue cannot be computed again; ${pairs.length} pairs of lines are alike in the table and were not`
    if (ambiguous.length === 0 && inPlace.rowsLost === 0) return { verdict: 'refuted', because }
    return pairs.length === 0
      ? { verdict: 'unknown', because }
      : { verdict: 'holds', because, evidence: pairs.slice(0, 10) }
  },
}

export function isAmbiguous(line: Pick<EntryOf<'line'>, 'quantity' | 'storedUnitCents'>): boolean {
  return possibleAmounts(line).length > 1
}

/** One pair for each content of a row that two lines of different amounts have come to. */
function alikeButDifferent(
  lines: readonly EntryOf<'line'>[],
): readonly (readonly [EntryOf<'line'>, EntryOf<'line'>])[] {
  const alike = Map.groupBy(lines, ({ quantity, storedUnitCents }) => `${quantity} × ${storedUnitCents}`)
  const amount = ({ quantity, listUnitCents }: EntryOf<'line'>): number =>
    fixedPricing({ quantity, unitPriceCents: listUnitCents })
  return [...alike.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return []
    const other = others.find((line) => amount(line) !== amount(first))
    return other === undefined ? [] : [[first, other] as const]
  })
}

export const checks: readonly Check<Entry>[] = [replayMakesItRight, readersNeverStand, inPlaceIsLost]
