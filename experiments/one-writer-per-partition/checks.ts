/** The parts of the claim; pure functions of the history. None is about speed. */
import type { Check, Finding } from '../runner/experiment.ts'
import { oversold, total, type Entry, type Way } from './history.ts'

const sum = (sales: readonly Entry[], of: (sale: Entry) => number): number =>
  sales.reduce((all, sale) => all + of(sale), 0)
const salesOf = (history: readonly Entry[], way: Way): readonly Entry[] => history.filter((sale) => sale.way === way)

/** Several clients, and not enough for all of them. */
function isContested(sale: Entry): boolean {
  return sale.clients > 1 && total(sale, ({ sold }) => sold) > 0 && total(sale, ({ refused }) => refused) > 0
}

/** Sold more than there was, lost what was sold, or refused what was there. */
function isWrong(sale: Entry): boolean {
  return sale.stocks.some(
    ({ sold, refused, open, recorded }) =>
      recorded > sale.unitsEach ||
      recorded < sold ||
      recorded > sold + open ||
      (refused > 0 && recorded < sale.unitsEach && open === 0),
  )
}

function sellsExactly(history: readonly Entry[], way: Way, hasContended: (sale: Entry) => boolean): Finding {
  const sales = salesOf(history, way)
  const wrong = sales.filter(isWrong)
  const seen = `${sum(sales, (sale) => total(sale, ({ recorded }) => recorded))} units sold and ${sum(sales, (sale) => total(sale, ({ refused }) => refused))} clients refused in ${sales.length} sales, ${sum(sales, ({ retries }) => retries)} transactions tried again`
  if (wrong.length > 0) {
    const because = `${seen}: ${wrong.length} sales ended wrong, ${sum(wrong, oversold)} units were sold too often`
    return { verdict: 'refuted', because, evidence: wrong.slice(0, 10) }
  }
  if (!sales.some((sale) => isContested(sale) && hasContended(sale))) {
    return { verdict: 'unknown', because: `${seen}: nobody competed for a last unit` }
  }
  return { verdict: 'holds', because: `${seen}: none too many, none lost, nobody refused while there was one left` }
}

export const logSellsExactly: Check<Entry> = {
  statement: 'One writer per partition sells every unit once, whoever competes, and tries nothing again',
  check: (history) => sellsExactly(history, 'log', () => true),
}

export const serializableSellsExactly: Check<Entry> = {
  statement: 'SERIALIZABLE transactions that are tried again on 40001 sell every unit once',
  check: (history) => sellsExactly(history, 'serializable', ({ retries }) => retries > 0),
}

export const conditionalSellsExactly: Check<Entry> = {
  statement: 'READ COMMITTED sells every unit once when the UPDATE itself asks whether there is enough',
  check: (history) => sellsExactly(history, 'conditional', () => true),
}

export const checkInCodeOversells: Check<Entry> = {
  statement:
    'READ COMMITTED with the check in code sells units twice when clients compete, and never to one client alone',
  check: (history) => {
    const sales = salesOf(history, 'check-in-code')
    const alone = sales.filter(({ clients }) => clients === 1)
    const contested = sales.filter(({ clients }) => clients > 1)
    const because = `to one client alone ${sum(alone, oversold)} units too many in ${alone.length} sales; to several ${sum(contested, oversold)} of ${sum(contested, ({ unitsEach, stocks }) => unitsEach * stocks.length)} in ${contested.length} sales`
    if (alone.some((sale) => oversold(sale) > 0)) {
      return { verdict: 'refuted', because: `${because}: then it is not the competition`, evidence: alone }
    }
    if (alone.length === 0 || !contested.some((sale) => total(sale, ({ sold }) => sold) > 0)) {
      return { verdict: 'unknown', because }
    }
    return { verdict: sum(contested, oversold) > 0 ? 'holds' : 'refuted', because }
  },
}

export const checks: readonly Check<Entry>[] = [
  logSellsExactly,
  serializableSellsExactly,
  conditionalSellsExactly,
  checkInCodeOversells,
]
