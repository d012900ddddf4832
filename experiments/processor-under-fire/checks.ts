/** The parts of the claim; pure functions of the history. */
import type { Check, Finding } from '../runner/experiment.ts'
import { entriesOf, type Entry } from './history.ts'

const killsMin = 2

/** Judges only what was under fire, and answered all the same. */
function underFire(history: readonly Entry[], judge: () => Finding): Finding {
  const kills = entriesOf(history, 'fault').filter(({ what }) => what === 'kill -9').length
  const placed = entriesOf(history, 'request').filter(({ answer }) => answer === 'placed').length
  if (kills < killsMin) return { verdict: 'unknown', because: `only ${kills} processors were killed` }
  if (placed === 0) return { verdict: 'unknown', because: 'no order was placed' }
  if (entriesOf(history, 'log').length !== 1) return { verdict: 'unknown', because: 'the log was not read' }
  return judge()
}

function verdictOf(wrong: readonly unknown[], because: string): Finding {
  return { verdict: wrong.length === 0 ? 'holds' : 'refuted', because, evidence: wrong.slice(0, 20) }
}

export const nothingOversold: Check<Entry> = {
  statement: 'Of no stock more is reserved than there is, and what is reserved is what was sold',
  check: (history) =>
    underFire(history, () => {
      const stocks = entriesOf(history, 'stock')
      if (!stocks.some(({ soldUnits }) => soldUnits > 0)) return { verdict: 'unknown', because: 'nothing was sold' }
      const wrong = stocks.filter(
        ({ receivedUnits, reservedUnits, soldUnits }) => reservedUnits > receivedUnits || reservedUnits !== soldUnits,
      )
      const said = stocks
        .map(({ sku, soldUnits, receivedUnits }) => `${soldUnits} of ${receivedUnits} ${sku}`)
        .join(', ')
      return verdictOf(wrong, `sold ${said}`)
    }),
}

export const nothingLost: Check<Entry> = {
  statement: 'Every order that a client was told is placed is in the log',
  check: (history) =>
    underFire(history, () => {
      const inLog = new Set(entriesOf(history, 'order').map(({ orderId }) => orderId))
      const placed = entriesOf(history, 'request').filter(({ answer }) => answer === 'placed')
      const lost = placed.filter(({ orderId }) => orderId === null || !inLog.has(orderId))
      const again = entriesOf(history, 'request').filter(({ attempts }) => attempts > 1).length
      return verdictOf(
        lost,
        `${placed.length} orders acknowledged, ${lost.length} lost; ${again} requests had to be repeated`,
      )
    }),
}

export const nothingDoubled: Check<Entry> = {
  statement: 'No command has left its events twice, no order was placed twice, and every command has its outcome',
  check: (history) =>
    underFire(history, () => {
      const doubled = entriesOf(history, 'order').filter(({ placedTimes }) => placedTimes !== 1)
      const [log] = entriesOf(history, 'log')
      if (log === undefined) return { verdict: 'unknown', because: 'the log was not read' }
      const unequal = log.commands === log.outcomes ? [] : [log]
      return verdictOf(
        [...doubled, ...log.doubledCommands, ...unequal],
        `${log.commands} commands, ${log.outcomes} outcomes, ${log.events} events; ${doubled.length + log.doubledCommands.length} doubled`,
      )
    }),
}

export const logIsWhole: Check<Entry> = {
  statement: 'The log is whole: no gap, no broken chain',
  check: (history) =>
    underFire(history, () => {
      const broken = entriesOf(history, 'log').flatMap(({ broken: why }) => (why === null ? [] : [why]))
      return verdictOf(broken, broken[0] ?? 'every event follows the one before it')
    }),
}

export const storesAgree: Check<Entry> = {
  statement: 'Every derived store is what the log says',
  check: (history) =>
    underFire(history, () => {
      const [audit] = entriesOf(history, 'audit')
      if (audit === undefined) return { verdict: 'unknown', because: 'there was no audit' }
      const because = `${audit.verdict} of ${audit.orders} orders, ${audit.divergences} divergences`
      if (audit.verdict === 'unknown') return { verdict: 'unknown', because }
      return { verdict: audit.verdict === 'consistent' ? 'holds' : 'refuted', because }
    }),
}

export const checks = [nothingOversold, nothingLost, nothingDoubled, logIsWhole, storesAgree] as const
