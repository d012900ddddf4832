/**
 * The records that a sink set aside, kept as counts, a few samples and the set of their keys. Read again only when the
 * topic has grown, since a record may be parked while the audit waits.
 */
import type { ChangeLog, TopicEnds } from './log.ts'
import type { ParkedRecord, ParkedSummary } from './report.ts'
import { nothingParked } from './tally.ts'

const samplesMax = 5
/** Reasons may carry values; past this many different ones, the rest is counted as `other`. */
const reasonsMax = 20
const keysMax = 200_000
const reasonMax = 200

export interface Parked {
  readonly keys: ReadonlySet<string>
  readonly summary: ParkedSummary
}

export interface DeadLetters {
  /** Reads what is new, then answers for this moment. */
  refresh(): Promise<Parked>
}

export function createDeadLetters(log: ChangeLog, topic: string, keyField: string): DeadLetters {
  let knownEnds: TopicEnds = new Map()
  let known: Parked = { keys: new Set(), summary: nothingParked }
  return {
    refresh: async () => {
      const ends = await log.ends(topic)
      if ([...ends].every(([partition, end]) => (knownEnds.get(partition) ?? 0) === end)) return known
      const keys = new Set<string>()
      const reasons = new Map<string, number>()
      const samples: ParkedRecord[] = []
      // A poison record that is delivered again is parked again; where it was read from tells that it is the same.
      const seen = new Set<string>()
      let count = 0
      await log.parkedRecords(topic, keyField, (record) => {
        const position = `${record.topic}/${record.partition}/${record.offset}`
        if (seen.has(position)) return
        if (seen.size < keysMax) seen.add(position)
        count += 1
        if (record.key !== null && keys.size < keysMax) keys.add(record.key)
        const short = record.reason.slice(0, reasonMax)
        const reason = reasons.has(short) || reasons.size < reasonsMax ? short : 'other'
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
        if (samples.length < samplesMax) samples.push({ ...record, reason: short })
      })
      known = { keys, summary: { count, reasons: Object.fromEntries(reasons), samples } }
      knownEnds = ends
      return known
    },
  }
}
