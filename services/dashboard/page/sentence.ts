/**
 * What is going on in a lane, in plain words. Pure.
 *
 * Invariant: it never says that the stores agree unless the auditor says so now; what nobody can see is said to be so.
 */
import { laneKinds, ordersOf, sinkOf, storeNames, storeTitles, type LaneName, type StoreName } from '../src/lanes.ts'
import type { LaneSnapshot, Snapshot } from '../src/snapshot.ts'
import { age, count, list, number, plural } from './format.ts'

export interface Sentence {
  readonly tone: 'good' | 'bad' | 'unsure'
  /** Stays the same while only numbers change: what is read aloud is read when this changes. */
  readonly situation: string
  readonly text: string
}

/** The auditor looks once a second; what is older than this is no longer now. */
const freshMs = 20_000
/** Less than this is what is always on its way while somebody writes. */
const notableLagRecords = 500

export function describeLane(lane: LaneName, { atMs, targets, lanes }: Snapshot): Sentence {
  const snapshot = lanes[lane]
  const agreement = describeAgreement(lane, snapshot, atMs, targets.auditor.state === 'up')
  const writing = describeWriting(snapshot, targets[ordersOf[lane]].state === 'up')
  const delay = describeDelay(lane, snapshot, targets)
  return {
    tone: agreement.tone === 'good' && (writing.trouble || delay.trouble) ? 'unsure' : agreement.tone,
    situation: [writing.situation, delay.situation, agreement.situation].filter((part) => part !== '').join(' '),
    text: [writing.text, delay.text, agreement.text].filter((part) => part !== '').join(' '),
  }
}

interface Part {
  readonly situation: string
  readonly text: string
  readonly trouble: boolean
}

function describeWriting({ writesPerSecond, failuresPerSecond }: LaneSnapshot, up: boolean): Part {
  if (!up) {
    const text = 'Nothing can be written: no instance of the orders service answers.'
    return { situation: 'no-service', text, trouble: true }
  }
  const failing = failuresPerSecond !== null && failuresPerSecond > 0
  const failures = failing ? `, and ${number(failuresPerSecond)} a second fail` : ''
  if (writesPerSecond === null) return { situation: 'rate-unknown', text: '', trouble: failing }
  const some = writesPerSecond > 0
  const text = some ? `${number(writesPerSecond)} writes a second arrive${failures}.` : `Nobody writes${failures}.`
  return { situation: `${some ? 'writes' : 'idle'}${failing ? '-failing' : ''}`, text, trouble: failing }
}

function describeDelay(lane: LaneName, { stores, slot }: LaneSnapshot, targets: Snapshot['targets']): Part {
  const none = { situation: '', text: '', trouble: false }
  if (laneKinds[lane] === 'by the request') return none
  if (slot !== null && slot.state !== 'active' && slot.state !== 'unknown') {
    const text = `Nobody reads PostgreSQL's log (the slot is ${slot.state}): changes wait there, none is lost.`
    return { situation: `slot-${slot.state}`, text, trouble: true }
  }
  const down = storeNames.filter((store) => targets[sinkOf[store]].state === 'down')
  const late = storeNames.filter(
    (store) => !down.includes(store) && (stores[store].lagRecords ?? 0) >= notableLagRecords,
  )
  const parts: string[] = []
  if (down.length > 0)
    parts.push(`${list(down.map((store) => sinkOf[store]))} ${down.length === 1 ? 'is' : 'are'} down.`)
  if (late.length > 0) {
    const each = late.map((store) => `${storeTitles[store]} is ${count(stores[store].lagRecords)} records behind`)
    parts.push(`${list(each)}; the log keeps them until they are applied.`)
  }
  if (parts.length === 0) return none
  return { situation: `down:${down.join()} late:${late.join()}`, text: parts.join(' '), trouble: true }
}

function describeAgreement(
  lane: LaneName,
  { verdict, divergedKeys, full, lookedAtMs, stores }: LaneSnapshot,
  atMs: number,
  auditorUp: boolean,
): Sentence {
  if (!auditorUp) {
    const since = lookedAtMs === null ? '' : ` It last looked ${age(lookedAtMs, atMs)} ago.`
    const text = `Whether the stores agree, nobody can say: the auditor does not answer.${since}`
    return { tone: 'unsure', situation: 'no-auditor', text }
  }
  if (lookedAtMs === null) {
    return { tone: 'unsure', situation: 'not-looked', text: 'The auditor has not looked yet.' }
  }
  if (atMs - lookedAtMs > freshMs) {
    const text = `The auditor last looked ${age(lookedAtMs, atMs)} ago; what is true now, nobody can say.`
    return { tone: 'unsure', situation: 'stale-look', text }
  }
  switch (verdict) {
    case 'diverged': {
      const keys = divergedKeys ?? 0
      const differ = `${full ? 'At least ' : ''}${plural(keys, 'order differs', 'orders differ')} from PostgreSQL (${breakdown(stores)}).`
      const outlook =
        laneKinds[lane] === 'by the request'
          ? 'Nothing mends them until somebody writes them again.'
          : 'That must not happen in this lane, unless somebody changed a store by hand or a record is parked.'
      return { tone: 'bad', situation: 'diverged', text: `${differ} ${outlook}` }
    }
    case 'unknown': {
      const doubted = storeNames.filter((store) => stores[store].verdict === 'unknown')
      const first = doubted.map((store) => stores[store].doubts[0]).find((doubt) => doubt !== undefined)
      const why = first === undefined ? 'nothing was compared yet' : first
      const text = `Of ${list(doubted.map((store) => storeTitles[store]))} nobody can say whether it agrees: ${why}.`
      return { tone: 'unsure', situation: `unknown:${doubted.join()}`, text }
    }
    case 'consistent':
      return { tone: 'good', situation: 'consistent', text: 'Every store says what PostgreSQL says.' }
  }
}

function breakdown(stores: Readonly<Record<StoreName, { readonly divergedKeys: number | null }>>): string {
  return list(
    storeNames
      .filter((store) => (stores[store].divergedKeys ?? 0) > 0)
      .map((store) => `${count(stores[store].divergedKeys)} in ${storeTitles[store]}`),
  )
}
