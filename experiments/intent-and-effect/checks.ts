/** The parts of the claim; pure functions of the history. */
import type { Check } from '../runner/experiment.ts'
import { wilson, type Interval } from '../runner/statistics.ts'
import {
  entriesOf,
  features,
  habits,
  questions,
  type Entry,
  type EntryOf,
  type Feature,
  type Question,
} from './history.ts'
import { bestRule, mistakes } from './rows.ts'

export const sameEffect: Check<Entry> = {
  statement: 'Both ways end with the same orders',
  check: (history) => {
    const orders = entriesOf(history, 'order')
    const differing = orders.filter(({ row, folded }) => row !== folded)
    const because = `${differing.length} of ${orders.length} orders differ`
    if (differing.length > 0) return { verdict: 'refuted', because, evidence: differing.slice(0, 20) }
    return { verdict: orders.length > 0 ? 'holds' : 'unknown', because }
  },
}

export const seenInRows: Check<Entry> = {
  statement: 'Every action shows as a change of the row: nothing that was done is missing there',
  check: (history) => {
    const actions = entriesOf(history, 'action')
    const missing = actions.filter(({ change }) => change === null)
    const because = `${missing.length} of ${actions.length} actions without a change`
    if (missing.length > 0) return { verdict: 'refuted', because, evidence: missing.slice(0, 20) }
    return { verdict: actions.length > 0 ? 'holds' : 'unknown', because }
  },
}

export const isAnswered = ({ event, cause, reason }: EntryOf<'action'>): boolean =>
  event?.actor === cause && event.reason === reason

export const eventsAnswer: Check<Entry> = {
  statement: 'The events answer who it was and why, every time',
  check: (history) => {
    const actions = entriesOf(history, 'action')
    const wrong = actions.filter((action) => !isAnswered(action))
    const because = `${wrong.length} of ${actions.length} answers wrong`
    if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong.slice(0, 20) }
    const asked = new Set(actions.map(({ question }) => question))
    return { verdict: asked.size === questions.length ? 'holds' : 'unknown', because }
  },
}

export interface RuleResult {
  readonly looksAt: readonly Feature[]
  readonly tried: number
  readonly wrong: number
  /** Of answers that are wrong. */
  readonly share: Interval
}

/** Orders of even numbers to learn from, the others to try it on; undefined when there are none of either. */
export function bestRuleFor(history: readonly Entry[], question: Question, habit: number): RuleResult | undefined {
  const actions = entriesOf(history, 'action').filter(
    (action) => action.question === question && action.habit === habit,
  )
  const examples = actions.filter(({ order }) => order % 2 === 0)
  const others = actions.filter(({ order }) => order % 2 === 1)
  if (examples.length === 0 || others.length === 0) return undefined
  const rule = bestRule(features, examples, others)
  const wrong = mistakes(rule, others)
  return { looksAt: rule.looksAt, tried: others.length, wrong, share: wilson(wrong, others.length) }
}

export const percent = ({ estimate, low, high }: Interval): string =>
  `${(estimate * 100).toFixed(0)} % (${(low * 100).toFixed(0)} to ${(high * 100).toFixed(0)})`

/** Below, the rule is as good as right. */
const negligible = 0.01

/** The answers to all questions together, where those who act keep to their habits that often. */
export function allRulesFor(history: readonly Entry[], habit: number): Omit<RuleResult, 'looksAt'> | undefined {
  const results = questions.flatMap((question) => bestRuleFor(history, question, habit) ?? [])
  if (results.length < questions.length) return undefined
  const tried = results.reduce((sum, result) => sum + result.tried, 0)
  const wrong = results.reduce((sum, result) => sum + result.wrong, 0)
  return { tried, wrong, share: wilson(wrong, tried) }
}

export const rowsGuess: Check<Entry> = {
  statement:
    'The best rules over row changes, which were told the answers of half of them, are wrong more than once in a hundred, even where eight in ten keep to habits of their own',
  check: (history) => {
    const found = habits.flatMap((habit) => {
      const result = allRulesFor(history, habit)
      return result === undefined ? [] : [{ habit, ...result }]
    })
    if (found.length < habits.length) return { verdict: 'unknown', because: 'not every question was tried' }
    const because = found
      .map(
        ({ habit, wrong, tried, share }) =>
          `habits kept by ${habit * 100} %: ${wrong} of ${tried} wrong, ${percent(share)}`,
      )
      .join('; ')
    // Below with confidence refutes, above with confidence holds; in between the run was too small to tell.
    if (found.some(({ share }) => share.high < negligible)) return { verdict: 'refuted', because, evidence: found }
    return { verdict: found.every(({ share }) => share.low > negligible) ? 'holds' : 'unknown', because }
  },
}

export const checks: readonly Check<Entry>[] = [sameEffect, seenInRows, eventsAnswer, rowsGuess]
