/** The parts of the claim; pure functions of the history. */
import type { Check } from '../runner/experiment.ts'
import { entriesOf, type Entry, type EntryOf, type Topic } from './history.ts'

/** Whether compaction has taken anything from the topic: without that, nothing was tried. */
function wasCompacted(history: readonly Entry[], topic: Topic): EntryOf<'topic'> | undefined {
  return entriesOf(history, 'topic').find((found) => found.topic === topic && found.after < found.before)
}

export const hasLost = ({ events, left }: EntryOf<'key'>): boolean => left.length < events.length

export const cannotBeFolded: Check<Entry> = {
  statement:
    'Of events that were compacted by key, no key that had more than one can be folded any more, and the chain says so',
  check: (history) => {
    const keys = entriesOf(history, 'key')
    const several = keys.filter(({ events }) => events.length > 1)
    const unfoldable = several.filter(({ refusedFor }) => refusedFor !== null)
    const because = `${unfoldable.length} of ${several.length} keys with several events cannot be folded`
    if (wasCompacted(history, 'events') === undefined || several.length === 0 || !several.every(hasLost)) {
      return { verdict: 'unknown', because: `nothing was compacted, or not everything: ${because}` }
    }
    const holds = unfoldable.length === several.length
    return { verdict: holds ? 'holds' : 'refuted', because, evidence: several.slice(0, 12) }
  },
}

export const isWrongUnasked: Check<Entry> = {
  statement:
    'A reader that does not follow the chain takes what is left for the whole, and has wrong orders without a word',
  check: (history) => {
    const keys = entriesOf(history, 'key')
    const wrong = keys.filter(({ state, added }) => state !== added)
    const words = Map.groupBy(
      wrong.filter(({ of }) => of === 'order'),
      ({ takenFor }) => takenFor,
    )
    const said = [...words].map(([takenFor, same]) => `${same.length} taken for ${takenFor}`)
    const because = [`${wrong.length} of ${keys.length} keys wrong`, ...said].join('; ')
    if (wasCompacted(history, 'events') === undefined) return { verdict: 'unknown', because: 'nothing was compacted' }
    return { verdict: wrong.length > 0 ? 'holds' : 'refuted', because, evidence: wrong.slice(0, 12) }
  },
}

export const changeLogIsWhole: Check<Entry> = {
  statement: 'The change log of the same orders, compacted in the same way, has lost none and has none wrong',
  check: (history) => {
    const topic = wasCompacted(history, 'change log')
    const orders = entriesOf(history, 'key').filter(({ of }) => of === 'order')
    const wrong = orders.filter(({ row, told }) => row !== told)
    const because = `${wrong.length} of ${orders.length} orders differ; ${topic?.before ?? 0} records became ${topic?.after ?? 0}`
    if (topic === undefined || !orders.some(({ row }) => row !== null)) {
      return { verdict: 'unknown', because: 'nothing was compacted' }
    }
    return { verdict: wrong.length === 0 ? 'holds' : 'refuted', because, evidence: wrong.slice(0, 20) }
  },
}

export const comesOutLate: Check<Entry> = {
  statement:
    'A processor that has kept its state goes on as if nothing had happened; one that has to read the log ends, and names the offset',
  check: (history) => {
    const processors = entriesOf(history, 'processor')
    const kept = processors.find(({ state }) => state === 'kept')
    const lost = processors.find(({ state }) => state === 'lost')
    if (wasCompacted(history, 'events') === undefined || kept === undefined || lost === undefined) {
      return { verdict: 'unknown', because: 'it was not tried' }
    }
    const named = /order-events\/\d+@\d+/.exec(lost.says)
    const because = `with its state it ${kept.decides ? 'decides' : 'does not decide'}; without, it ${lost.decides ? 'decides' : 'has ended'}: ${lost.says}`
    return { verdict: kept.decides && !lost.decides && named !== null ? 'holds' : 'refuted', because }
  },
}

export const checks: readonly Check<Entry>[] = [cannotBeFolded, isWrongUnasked, changeLogIsWhole, comesOutLate]
