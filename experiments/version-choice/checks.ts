/** The parts of the claim; pure functions of the history. */
import type { Check, Finding } from '../runner/experiment.ts'
import { situations, type Entry, type Guard, type Situation } from './history.ts'
import { appendedAgain, missing, summarize } from './summary.ts'

const evidenceMax = 20

/** Ends right, with no order wrong, in each of these situations. */
function endsRight(guard: Guard, among: readonly Situation[], where: string): Check<Entry> {
  return {
    statement: `${guard} ends right ${where}`,
    check: (history) => {
      const wrong = among.flatMap((situation) => summarize(history, situation, guard).wrong)
      const because = among.map((situation) => countWrong(history, situation, guard)).join('; ')
      if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong.slice(0, evidenceMax) }
      return unseen(history, among) ?? { verdict: 'holds', because }
    },
  }
}

/** That a guard ends wrong is a claim too, and not seeing it refutes that. */
function endsWrong(guard: Guard, situation: Situation, why: string): Check<Entry> {
  return {
    statement: `${guard} ends wrong in ${situation}: ${why}`,
    check: (history) => {
      const { wrong } = summarize(history, situation, guard)
      const because = countWrong(history, situation, guard)
      return (
        unseen(history, [situation]) ??
        (wrong.length === 0
          ? { verdict: 'refuted', because }
          : {
              verdict: 'holds',
              because: `${because}, namely those ${[...new Set(wrong.map(({ story }) => story))].join(', those ')}`,
              evidence: wrong.slice(0, evidenceMax),
            })
      )
    },
  }
}

function unseen(history: readonly Entry[], among: readonly Situation[]): Finding | undefined {
  const reasons = among.flatMap((situation) => missing(history, situation) ?? [])
  return reasons.length === 0 ? undefined : { verdict: 'unknown', because: reasons.join('; ') }
}

function countWrong(history: readonly Entry[], situation: Situation, guard: Guard): string {
  const { wrong, orders } = summarize(history, situation, guard)
  return `${situation}: ${wrong.length} of ${orders} orders wrong`
}

const undisturbed = situations.filter((situation) => situation !== 'at-least-once')

const neverGoesBack: Check<Entry> = {
  statement: 'epoch and offset lets no reader see an order go back where Connect appends nothing again',
  check: (history) => {
    const wentBack = undisturbed.flatMap((situation) => summarize(history, situation, 'epoch and offset').wentBack)
    const because = `in ${undisturbed.join(', ')}: ${wentBack.length} orders went back`
    if (wentBack.length > 0) return { verdict: 'refuted', because, evidence: wentBack.slice(0, evidenceMax) }
    return unseen(history, undisturbed) ?? { verdict: 'holds', because }
  },
}

const aReaderSeesItGoBack: Check<Entry> = {
  statement:
    'epoch and offset lets a reader see orders go back where Connect appends changes again, and then end right',
  check: (history) => {
    const { wentBack, wrong, orders } = summarize(history, 'at-least-once', 'epoch and offset')
    const again = appendedAgain(history, 'at-least-once').length
    const because = `${again} changes were appended again; ${wentBack.length} of ${orders} orders went back, ${wrong.length} ended wrong`
    return (
      unseen(history, ['at-least-once']) ?? {
        verdict: wentBack.length > 0 && wrong.length === 0 ? 'holds' : 'refuted',
        because,
        evidence: wentBack.slice(0, evidenceMax),
      }
    )
  },
}

const exactlyOnceAppendsOnce: Check<Entry> = {
  statement: 'With exactly-once a killed Connect appends no change again',
  check: (history) => {
    const again = appendedAgain(history, 'exactly-once')
    const without = appendedAgain(history, 'at-least-once').length
    const because = `${again.length} changes were appended again; without it, ${without}`
    if (again.length > 0) return { verdict: 'refuted', because, evidence: again.slice(0, evidenceMax) }
    // The same kill has to do harm without it.
    return unseen(history, ['exactly-once', 'at-least-once']) ?? { verdict: 'holds', because }
  },
}

export const checks: readonly Check<Entry>[] = [
  endsRight('epoch and offset', situations, 'in every situation'),
  endsWrong('lsn', 'incremental snapshot', 'a READ is stamped with the position of the stream'),
  endsWrong('pair', 'new topic', 'there is no commit in it until the connector has passed one'),
  endsWrong('pair, filled in', 'new topic', 'then it is the position again'),
  endsWrong('clock', 'redelivery', 'two changes of one transaction have one time'),
  endsWrong('revision', 'redelivery', 'it begins anew with a row that is inserted anew'),
  endsWrong('offset', 'new topic', 'offsets begin anew, and so need an epoch'),
  neverGoesBack,
  aReaderSeesItGoBack,
  exactlyOnceAppendsOnce,
]
