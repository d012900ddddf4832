/** The parts of the claim; pure functions of the history. */
import { storeNames } from '../../services/rebuild/src/generation.ts'
import type { Check } from '../runner/experiment.ts'
import { entriesOf, type Entry } from './history.ts'

export const compacts: Check<Entry> = {
  statement: 'Compaction leaves the last record of every key, and of the superseded ones none but in open segments',
  check: (history) => {
    const topics = entriesOf(history, 'topic')
    const before = topics.find(({ when }) => when === 'before')
    const after = topics.find(({ when }) => when === 'after')
    const [compaction] = entriesOf(history, 'compaction')
    if (before === undefined || after === undefined || compaction === undefined || before.superseded === 0) {
      return { verdict: 'unknown', because: 'the topic was not read before and after, or had nothing to compact' }
    }
    const because =
      `${before.records} records with ${before.superseded} superseded became ${after.records} with ${after.superseded} ` +
      `(${compaction.closing} closed the segments), ${after.keys} of ${before.keys} keys and ${after.ended} of ${before.ended} ended ones are there`
    const keepsAll = after.keys === before.keys && after.ended === before.ended
    if (!keepsAll) return { verdict: 'refuted', because, evidence: [before, after] }
    // The cleaner did not get so far in the time it was given: that says nothing of what it does.
    if (after.superseded > compaction.closing) return { verdict: 'unknown', because, evidence: [before, after] }
    return { verdict: 'holds', because }
  },
}

export const rebuildsEqual: Check<Entry> = {
  statement: 'With the database stopped, every store is rebuilt from the compacted topic alone, equal to the live one',
  check: (history) => {
    const database = entriesOf(history, 'database')
    const after = entriesOf(history, 'topic').find(({ when }) => when === 'after')
    const compared = entriesOf(history, 'compared')
    const missing = storeNames.filter(
      (name) =>
        !compared.some(({ store }) => store === name) ||
        !entriesOf(history, 'rebuilt').some(({ store }) => store === name),
    )
    if (missing.length > 0 || after === undefined || after.keys === 0) {
      return { verdict: 'unknown', because: `not rebuilt and compared: ${missing.join(', ') || 'anything'}` }
    }
    if (database.length < 2 || database.some(({ answers }) => answers)) {
      return { verdict: 'unknown', because: 'the database was not away all the time' }
    }
    const because = compared
      .map(({ store, keys, counts }) => {
        const differing = Object.entries(counts).filter(([, count]) => count > 0)
        return `${store}: ${keys} orders of ${after.keys}, ${differing.map(([kind, count]) => `${count} ${kind}`).join(', ') || 'none differs'}`
      })
      .join('; ')
    const different = compared.filter(
      ({ keys, counts }) => keys !== after.keys || Object.values(counts).some((count) => count > 0),
    )
    return different.length > 0 ? { verdict: 'refuted', because, evidence: different } : { verdict: 'holds', because }
  },
}

export const staysDeleted: Check<Entry> = {
  statement: 'What was deleted stays deleted',
  check: (history) => {
    const deleted = entriesOf(history, 'deleted')
    if (!storeNames.every((name) => deleted.some(({ store, orders }) => store === name && orders > 0))) {
      return { verdict: 'unknown', because: 'no deleted order was looked for in some store' }
    }
    const because = deleted.map(({ store, orders, alive }) => `${store}: ${alive} of ${orders} are there`).join('; ')
    const back = deleted.filter(({ alive }) => alive > 0)
    return back.length > 0 ? { verdict: 'refuted', because, evidence: back } : { verdict: 'holds', because }
  },
}

export const endsConsistent: Check<Entry> = {
  statement: 'When the database is back, the auditor calls the rebuilt stores consistent with it',
  check: (history) => {
    const audit = entriesOf(history, 'audit').at(-1)
    if (audit === undefined || audit.orders === 0 || audit.verdict === 'unknown') {
      return {
        verdict: 'unknown',
        because: audit === undefined ? 'no audit' : `${audit.verdict} of ${audit.orders} orders`,
      }
    }
    return {
      verdict: audit.verdict === 'consistent' ? 'holds' : 'refuted',
      because: `${audit.verdict} of ${audit.orders} orders`,
    }
  },
}

export const checks: readonly Check<Entry>[] = [compacts, rebuildsEqual, staysDeleted, endsConsistent]
