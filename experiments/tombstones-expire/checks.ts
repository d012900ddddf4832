/** The parts of the claim; pure functions of the history. */
import type { Check, Finding } from '../runner/experiment.ts'
import { stores, type Entry, type Trial } from './history.ts'

const trialsOf = (history: readonly Entry[]): readonly Trial[] =>
  history.filter((entry): entry is Trial => entry.kind === 'trial' && entry.orders > 0)

const describe = ({ store, meanwhile, alive, orders }: Trial): string =>
  `${store} after ${meanwhile}: ${alive} of ${orders}`

/** Holds when every trial is as expected and every store was tried. */
function judge(trials: readonly Trial[], expected: (trial: Trial) => boolean): Finding {
  const because = trials.map(describe).join('; ')
  const wrong = trials.filter((trial) => !expected(trial))
  if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong }
  const untried = stores.filter((store) => !trials.some((trial) => trial.store === store))
  if (untried.length > 0) return { verdict: 'unknown', because: `not tried: ${untried.join(', ')}` }
  return { verdict: 'holds', because }
}

const none = ({ alive }: Trial): boolean => alive === 0
const all = ({ alive, orders }: Trial): boolean => alive === orders

export const tried = (history: readonly Entry[], wanted: Partial<Trial>): readonly Trial[] =>
  trialsOf(history).filter((trial) =>
    Object.entries(wanted).every(([name, value]) => trial[name as keyof Trial] === value),
  )

export const hardDeletesResurrect: Check<Entry> = {
  statement:
    'Once a store has forgotten its own delete, a stale write brings the order back, though versions are compared',
  check: (history) => judge(tried(history, { approach: 'hard delete', late: 'stale', forgotten: true }), all),
}

export const fencesHold: Check<Entry> = {
  statement: 'While the fence stands, a stale write brings nothing back',
  check: (history) => judge(tried(history, { approach: 'fence', late: 'stale', forgotten: false }), none),
}

export const fencesEnd: Check<Entry> = {
  statement: 'Our fences end too: where one has expired or was purged, a stale write brings the order back',
  check: (history) => judge(tried(history, { approach: 'fence', late: 'stale', forgotten: true }), all),
}

export const newerWins: Check<Entry> = {
  statement: 'A fence lets a newer write through',
  check: (history) => judge(tried(history, { approach: 'fence', late: 'newer' }), all),
}

export const fenceOutlivesLog: Check<Entry> = {
  statement: "Redis' fence outlives the topic's tombstones",
  check: (history) => {
    const lifetimes = history.find((entry) => entry.kind === 'lifetimes')
    if (lifetimes === undefined) return { verdict: 'unknown', because: 'the lifetimes were not read' }
    const { redisFenceS, topicTombstoneS } = lifetimes
    return {
      verdict: redisFenceS > topicTombstoneS ? 'holds' : 'refuted',
      because: `${redisFenceS / 86_400} days against ${topicTombstoneS / 86_400}`,
    }
  },
}

export const checks: readonly Check<Entry>[] = [
  hardDeletesResurrect,
  fencesHold,
  fencesEnd,
  newerWins,
  fenceOutlivesLog,
]
