/** The parts of the claim; pure functions of the history. */
import type { Check } from '../runner/experiment.ts'
import { entriesOf, tamperings, unseenByChain, type Entry, type EntryOf, type Tampering } from './history.ts'

export const travels: Check<Entry> = {
  statement: 'The log folded up to any offset is what clients had written down by then',
  check: (history) => {
    const travelled = entriesOf(history, 'travel')
    const wrong = travelled.filter(({ folded, kept }) => folded !== kept)
    const because = `${wrong.length} of ${travelled.length} offsets differ; up to ${Math.max(0, ...travelled.map(({ events }) => events))} events and ${Math.max(0, ...travelled.map(({ keys }) => keys))} keys at one of them`
    if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong.slice(0, 20) }
    const inBetween = travelled.some(({ keys }) => keys > 0)
    return inBetween ? { verdict: 'holds', because } : { verdict: 'unknown', because: 'nobody has travelled' }
  },
}

const seen = tamperings.filter((how) => !unseenByChain.includes(how))

function triedOf(history: readonly Entry[], how: Tampering): readonly EntryOf<'tampered'>[] {
  return entriesOf(history, 'tampered').filter((tampered) => tampered.how === how)
}

export const isNamed = ({ accused, expected }: EntryOf<'tampered'>): boolean =>
  accused !== null && accused.offset === expected

export const namesTampering: Check<Entry> = {
  statement:
    'An event that was changed, removed, put in or put elsewhere is found by the chain, at the first offset where the log is another',
  check: (history) => {
    const tried = seen.map((how) => triedOf(history, how))
    const wrong = tried.flat().filter((tampered) => !isNamed(tampered))
    const because = `${tried.flat().length - wrong.length} of ${tried.flat().length} named`
    if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong.slice(0, 20) }
    return tried.every(({ length }) => length > 0)
      ? { verdict: 'holds', because }
      : { verdict: 'unknown', because: 'not everything was tried' }
  },
}

export const endsTell: Check<Entry> = {
  statement:
    'An end that was cut off and a chain that was sealed again to its end the chain does not show; the ends of all keys, kept elsewhere, name the key',
  check: (history) => {
    const tried = unseenByChain.map((how) => triedOf(history, how))
    const wrong = tried.flat().filter(({ accused, otherEnds, key }) => accused !== null || otherEnds?.join() !== key)
    const because = `${tried.flat().length - wrong.length} of ${tried.flat().length} unseen by the chain and named by the ends`
    if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong.slice(0, 20) }
    return tried.every(({ length }) => length > 0)
      ? { verdict: 'holds', because }
      : { verdict: 'unknown', because: 'not everything was tried' }
  },
}

export const accusesNobody: Check<Entry> = {
  statement: 'A log that nobody has touched is never accused',
  check: (history) => {
    const logs = entriesOf(history, 'untouched').filter(({ events }) => events > 0)
    const accused = logs.filter((log) => log.accused !== null)
    const because = `${accused.length} of ${logs.length} logs accused`
    if (accused.length > 0) return { verdict: 'refuted', because, evidence: accused.slice(0, 20) }
    return logs.length > 0 ? { verdict: 'holds', because } : { verdict: 'unknown', because: 'there was none' }
  },
}

export const checks: readonly Check<Entry>[] = [travels, namesTampering, endsTell, accusesNobody]
