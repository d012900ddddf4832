/** The parts of the claim; pure functions of the history. */
import { storeNames } from '../../services/rebuild/src/generation.ts'
import type { Check } from '../runner/experiment.ts'
import { entriesOf, readerNames, type Entry } from './history.ts'

export const isAtomic: Check<Entry> = {
  statement: 'Readers that look all the time see no order missing or older than before, and get an answer each time',
  check: (history) => {
    const readers = entriesOf(history, 'reader')
    const because = readers
      .map(
        ({ reader, polls, pollsAtSwitch, anomalies, failures, firstFailure }) =>
          `${reader}: ${anomalies} of ${polls} polls' orders went back, ${pollsAtSwitch} polls at the switch` +
          (failures === 0 ? '' : `, ${failures} without an answer (${firstFailure})`),
      )
      .join('; ')
    const failing = readers.filter(({ anomalies, failures }) => anomalies > 0 || failures > 0)
    if (failing.length > 0) return { verdict: 'refuted', because, evidence: failing }
    const blind = readerNames.filter(
      (name) =>
        !readers.some(({ reader, pollsAtSwitch, progress }) => reader === name && pollsAtSwitch > 0 && progress > 0),
    )
    if (blind.length > 0) {
      return {
        verdict: 'unknown',
        because: `not seen at a switch, or without a write: ${blind.join(', ')}. ${because}`,
      }
    }
    return { verdict: 'holds', because }
  },
}

export const survivesKills: Check<Entry> = {
  statement:
    'A filler that is killed twice and a live sink that is killed once do not keep any store from being rebuilt',
  check: (history) => {
    const hits = (what: string): number =>
      entriesOf(history, 'fault').filter((fault) => fault.what === what && fault.hit).length
    const [fillers, sinks] = [hits('kill -9 of the filler'), hits('kill -9 of a live sink')]
    const rebuilt = entriesOf(history, 'rebuilt').filter(({ round }) => round === 'under fire')
    const because = `${fillers} fillers and ${sinks} live sinks were killed at work; rebuilt afterwards: ${rebuilt.map(({ store, to }) => `${store} (${to})`).join(', ') || 'none'}`
    if (fillers < 2 || sinks < 1) return { verdict: 'unknown', because }
    return {
      verdict: storeNames.every((name) => rebuilt.some(({ store }) => store === name)) ? 'holds' : 'refuted',
      because,
    }
  },
}

export const endsConsistent: Check<Entry> = {
  statement: 'Afterwards the auditor finds every order of every store as the database has it',
  check: (history) => {
    const audit = entriesOf(history, 'audit').at(-1)
    const changes = entriesOf(history, 'writes').reduce((sum, entry) => sum + entry.changes, 0)
    if (audit === undefined || audit.orders === 0 || changes === 0 || audit.verdict === 'unknown') {
      return { verdict: 'unknown', because: `${audit?.verdict ?? 'no audit'}, ${changes} changes meanwhile` }
    }
    return {
      verdict: audit.verdict === 'consistent' ? 'holds' : 'refuted',
      because: `${audit.verdict} of ${audit.orders} orders, after ${changes} changes meanwhile`,
    }
  },
}

export const checks: readonly Check<Entry>[] = [isAtomic, survivesKills, endsConsistent]
