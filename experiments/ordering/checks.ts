/** The parts of the claim; pure functions of the history. */
import type { Check, Finding } from '../runner/experiment.ts'
import type { CellName, Change, Entry, Held, Keying, Outcome, Situation } from './history.ts'

export const claim =
  'Only a topic keyed by id and a store with the guard stay consistent together: without that key, changes of one order ' +
  'overtake each other when sinks catch up, and the guard, which compares offsets of different partitions, keeps newer ' +
  'changes out though nothing fails; without the guard, the late write of a zombie undoes newer ones.'

export const refutedBy =
  'With both, an order that ends wrong. Without the key, no order that ends wrong though its changes are in several ' +
  'partitions, or a guard that keeps anything but the change with the highest offset. Without the guard, no newer change ' +
  'undone, though a frozen sink held older ones.'

/** With fewer orders that something could have happened to, nothing is known. */
const ordersMin = 50
const evidenceMax = 20

const isOf = (cell: CellName, entry: CellName): boolean =>
  entry.keying === cell.keying && entry.guarded === cell.guarded

export function outcomesOf(
  history: readonly Entry[],
  wanted: CellName & Partial<Pick<Outcome, 'situation'>>,
): readonly Outcome[] {
  return history.filter(
    (entry): entry is Outcome =>
      entry.type === 'outcome' &&
      isOf(wanted, entry) &&
      (wanted.situation === undefined || entry.situation === wanted.situation),
  )
}

/** The changes of each order, in the order in which the topic's partitions were read. */
export function changesOf(history: readonly Entry[], keying: Keying): ReadonlyMap<string, readonly Change[]> {
  return Map.groupBy(
    history.filter((entry): entry is Change => entry.type === 'change' && entry.keying === keying),
    ({ order }) => order,
  )
}

export function isSpread(changes: readonly Change[] | undefined): boolean {
  return new Set(changes?.map(({ partition }) => partition)).size > 1
}

/** Writes that a newer one had come before: their order was in the store as of a later change, or gone from it. */
export function outdatedWrites(history: readonly Entry[], cell: CellName): readonly Held[] {
  return history.filter(
    (entry): entry is Held =>
      entry.type === 'held' &&
      isOf(cell, entry) &&
      entry.stored === entry.row &&
      (entry.row === null || entry.row > entry.revision),
  )
}

export const isWrong = ({ equal }: Outcome): boolean => !equal

/** Which of its revisions the store holds of an order that ends wrong. */
export function divergenceOf({ row, stored }: Outcome): 'missing' | 'resurrected' | 'stale' | 'corrupt' {
  if (stored === null) return 'missing'
  if (row === null) return 'resurrected'
  return stored < row ? 'stale' : 'corrupt'
}

const unknown = (because: string): Finding => ({ verdict: 'unknown', because })

function wrongWithoutKey(statement: string, guarded: boolean, situation: Situation): Check<Entry> {
  return {
    statement,
    check: (history) => {
      const changes = changesOf(history, 'status')
      const spread = outcomesOf(history, { keying: 'status', guarded, situation }).filter(({ order }) =>
        isSpread(changes.get(order)),
      )
      if (spread.length < ordersMin) return unknown(`only ${spread.length} orders have changes in several partitions`)
      const wrong = spread.filter(isWrong)
      return {
        verdict: wrong.length > 0 ? 'holds' : 'refuted',
        because: `${wrong.length} of ${spread.length} orders with changes in several partitions`,
        evidence: wrong.slice(0, evidenceMax),
      }
    },
  }
}

/** What the guard leaves of an order, whatever arrives first: null after a delete; undefined when two offsets are equal. */
export function keptByGuard(changes: readonly Change[]): number | null | undefined {
  const highest = Math.max(...changes.map(({ offset }) => offset))
  const [kept, ...others] = changes.filter(({ offset }) => offset === highest)
  if (kept === undefined || others.length > 0) return undefined
  return kept.kind === 'delete' ? null : kept.revision
}

const guardKeepsHighestOffset: Check<Entry> = {
  statement:
    'Keyed by status, the guard keeps the change with the highest offset of all partitions, so that what is wrong follows from the log alone',
  check: (history) => {
    const changes = changesOf(history, 'status')
    const predictable = outcomesOf(history, { keying: 'status', guarded: true }).flatMap((outcome) => {
      const own = changes.get(outcome.order)
      const kept = own === undefined || !isSpread(own) ? undefined : keptByGuard(own)
      return kept === undefined ? [] : [{ outcome, kept }]
    })
    if (predictable.length < ordersMin) return unknown(`only ${predictable.length} orders tell`)
    const surprising = predictable.filter(({ outcome, kept }) => outcome.stored !== kept)
    return {
      verdict: surprising.length === 0 ? 'holds' : 'refuted',
      because: `so it is with ${predictable.length - surprising.length} of ${predictable.length} orders`,
      evidence: surprising.slice(0, evidenceMax),
    }
  },
}

const keyKeepsOnePartition: Check<Entry> = {
  statement: 'Keyed by id, all changes of an order are in one partition',
  check: (history) => {
    const changes = [...changesOf(history, 'id').values()].filter(({ length }) => length > 1)
    if (changes.length < ordersMin) return unknown(`only ${changes.length} orders were changed`)
    const spread = changes.filter(isSpread)
    return {
      verdict: spread.length === 0 ? 'holds' : 'refuted',
      because: `of ${changes.length} orders, ${spread.length} have changes in several partitions`,
      evidence: spread.slice(0, evidenceMax),
    }
  },
}

function rightWhileNothingFails(guarded: boolean): Check<Entry> {
  return {
    statement: `Keyed by id and ${guarded ? 'with' : 'without'} the guard, no order ends wrong while nothing fails, nor when sinks catch up`,
    check: (history) => {
      const of = (situation: Situation) => outcomesOf(history, { keying: 'id', guarded, situation })
      const [live, backlog] = [of('live'), of('backlog')]
      const fewest = Math.min(live.length, backlog.length)
      if (fewest < ordersMin) return unknown(`only ${fewest} orders were looked at`)
      const outcomes = [...live, ...backlog]
      const wrong = outcomes.filter(isWrong)
      return {
        verdict: wrong.length === 0 ? 'holds' : 'refuted',
        because: `${wrong.length} of ${outcomes.length} orders`,
        evidence: wrong.slice(0, evidenceMax),
      }
    },
  }
}

const zombieUndoes: Check<Entry> = {
  statement: 'Keyed by id and without the guard, the late write of a zombie undoes newer ones',
  check: (history) => {
    const cell: CellName = { keying: 'id', guarded: false }
    const held = new Map(outdatedWrites(history, cell).map((write) => [write.order, write]))
    if (held.size < ordersMin) return unknown(`only ${held.size} writes were held until a newer one had come`)
    const all = outcomesOf(history, { ...cell, situation: 'zombie' })
    const outcomes = all.filter(({ order }) => held.has(order))
    if (outcomes.length < held.size) return unknown(`of ${held.size} orders, only ${outcomes.length} were looked at`)
    const undone = outcomes.filter(
      (outcome) => isWrong(outcome) && outcome.stored === held.get(outcome.order)?.revision,
    )
    const because = `${undone.length} of ${held.size} orders are as the late write had them`
    if (undone.length === 0) return { verdict: 'refuted', because, evidence: outcomes.slice(0, evidenceMax) }
    // Then something else went wrong too, and who knows whether it was that alone.
    const unexplained = all.filter((outcome) => isWrong(outcome) && !undone.includes(outcome))
    return unexplained.length > 0
      ? {
          verdict: 'unknown',
          because: `${because}, but ${unexplained.length} more end wrong that no late write explains`,
          evidence: unexplained.slice(0, evidenceMax),
        }
      : {
          verdict: 'holds',
          because: `${because}, and no other order ends wrong`,
          evidence: undone.slice(0, evidenceMax),
        }
  },
}

const guardStopsZombie: Check<Entry> = {
  statement: 'Keyed by id and with the guard, no order ends wrong, though a zombie writes late',
  check: (history) => {
    const cell: CellName = { keying: 'id', guarded: true }
    const held = outdatedWrites(history, cell)
    const outcomes = outcomesOf(history, { ...cell, situation: 'zombie' })
    const wrong = outcomes.filter(isWrong)
    const because = `${wrong.length} of ${outcomes.length} orders, ${held.length} of which a late write was held for until a newer one had come`
    if (wrong.length > 0) return { verdict: 'refuted', because, evidence: wrong.slice(0, evidenceMax) }
    const seen = new Set(outcomes.map(({ order }) => order))
    const unseen = held.filter(({ order }) => !seen.has(order))
    return held.length < ordersMin || unseen.length > 0 ? unknown(because) : { verdict: 'holds', because }
  },
}

export const checks: readonly Check<Entry>[] = [
  rightWhileNothingFails(true),
  guardStopsZombie,
  keyKeepsOnePartition,
  rightWhileNothingFails(false),
  zombieUndoes,
  {
    ...wrongWithoutKey(
      'Keyed by status and without the guard, orders end wrong when sinks that were stopped catch up',
      false,
      'backlog',
    ),
    // Of few orders, each partition is one batch: all depends on the order of four writes, tossed once.
    onlyInFull: 'it takes long',
  },
  wrongWithoutKey('Keyed by status and with the guard, orders end wrong though nothing fails', true, 'live'),
  guardKeepsHighestOffset,
]
