/** The parts of the claim; pure functions of the history. */
import type { Check } from '../runner/experiment.ts'
import { entriesOf, type Audit, type Entry, type EntryOf } from './history.ts'

/** What one more change keeps, in bytes: between the first reading and the last. */
export function bytesPerChange(history: readonly Entry[], table: EntryOf<'retention'>['table']): number | undefined {
  const readings = entriesOf(history, 'retention').filter((reading) => reading.table === table)
  const first = readings[0]
  const last = readings.at(-1)
  if (first === undefined || last === undefined || last.changes <= first.changes) return undefined
  return (last.retainedBytes - first.retainedBytes) / (last.changes - first.changes)
}

export const retains: Check<Entry> = {
  statement: 'A slot that nobody reads keeps the log of every change, of tables that nobody captures too',
  check: (history) => {
    const captured = bytesPerChange(history, 'captured')
    const other = bytesPerChange(history, 'other')
    if (captured === undefined || other === undefined) return { verdict: 'unknown', because: 'too few readings' }
    return {
      verdict: captured > 0 && other > 0 ? 'holds' : 'refuted',
      because: `${captured.toFixed(0)} bytes for each change of an order, ${other.toFixed(0)} for each row of another table`,
      evidence: entriesOf(history, 'retention'),
    }
  },
}

export const drains: Check<Entry> = {
  statement: 'A reader that returns in time carries all of it, and the log is let go',
  check: (history) => {
    const drained = entriesOf(history, 'drain').filter(({ changes }) => changes > 0)
    if (drained.length === 0) return { verdict: 'unknown', because: 'nothing was drained' }
    const because = drained
      .map(
        ({ changes, drainMs, retainedBefore, retainedAfter, audit }) =>
          `${changes} changes in ${(drainMs / 1_000).toFixed(1)} s, the slot keeps ${mebibytes(retainedAfter)} MiB instead of ${mebibytes(retainedBefore)}, ${describe(audit)}`,
      )
      .join('; ')
    if (drained.some(({ audit }) => audit.verdict === 'unknown')) return { verdict: 'unknown', because }
    const holds = drained.every(
      ({ audit, retainedBefore, retainedAfter }) => audit.verdict === 'consistent' && retainedAfter < retainedBefore,
    )
    return { verdict: holds ? 'holds' : 'refuted', because, evidence: drained }
  },
}

const lostSlot = 'has lost its place in the log'

export const isBounded: Check<Entry> = {
  statement: 'Past max_slot_wal_keep_size the slot is lost at the next checkpoint, and not before',
  check: (history) => {
    const readings = entriesOf(history, 'bound')
    const because = readings
      .map(
        ({ retainedBytes, walStatus, afterCheckpoint }) =>
          `${retainedBytes === null ? '?' : mebibytes(retainedBytes)} MiB ${afterCheckpoint ? 'after the checkpoint' : 'kept'}: ${walStatus}`,
      )
      .join('; ')
    const early = readings.filter(({ afterCheckpoint, walStatus }) => !afterCheckpoint && walStatus === 'lost')
    if (early.length > 0) return { verdict: 'refuted', because, evidence: early }
    const last = readings.at(-1)
    const wasPast = readings.some(
      ({ retainedBytes, boundBytes }) => retainedBytes !== null && retainedBytes > boundBytes,
    )
    if (last?.afterCheckpoint !== true || !wasPast)
      return { verdict: 'unknown', because: `never past the bound: ${because}` }
    return { verdict: last.walStatus === 'lost' ? 'holds' : 'refuted', because }
  },
}

export const lossIsReported: Check<Entry> = {
  statement:
    'The loss is not silent: the connector does not run, and the auditor does not say consistent and names the slot',
  check: (history) => {
    const wasLost = entriesOf(history, 'bound').some(({ walStatus }) => walStatus === 'lost')
    const [loss] = entriesOf(history, 'loss')
    if (!wasLost || loss === undefined) return { verdict: 'unknown', because: 'the slot was not lost' }
    const { connector, audit } = loss
    const named = audit.doubts.some((doubt) => doubt.includes(lostSlot))
    return {
      verdict: connector !== 'running' && audit.verdict !== 'consistent' && named ? 'holds' : 'refuted',
      because: `the connector: ${connector}; the auditor: ${describe(audit)}, ${named ? 'for the slot' : 'without a word of the slot'}`,
      evidence: [loss],
    }
  },
}

export const droppingIsNoRecovery: Check<Entry> = {
  statement: 'Dropping the lost slot alone is no recovery: the auditor does not say consistent',
  check: (history) => {
    const [dropped] = entriesOf(history, 'slot dropped')
    const [gap] = entriesOf(history, 'gap')
    if (dropped === undefined || gap === undefined) return { verdict: 'unknown', because: 'it was not tried' }
    return {
      verdict: dropped.audit.verdict === 'consistent' ? 'refuted' : 'holds',
      because: `the connector: ${dropped.connector}; the auditor: ${describe(dropped.audit)}`,
      evidence: [dropped],
    }
  },
}

export const snapshotLeavesDeleted: Check<Entry> = {
  statement:
    'The new snapshot mends everything but the orders that were deleted in the gap, and the auditor finds each of those',
  check: (history) => {
    const [gap] = entriesOf(history, 'gap')
    const [snapshot] = entriesOf(history, 'snapshot')
    if (gap === undefined || snapshot === undefined || gap.deleted === 0 || snapshot.audit.verdict === 'unknown') {
      return { verdict: 'unknown', because: snapshot === undefined ? 'no snapshot' : describe(snapshot.audit) }
    }
    const { audit, leftInStores } = snapshot
    const others = Object.entries(audit.divergences).filter(([kind, keys]) => kind !== 'resurrected' && keys > 0)
    const holds = others.length === 0 && leftInStores === gap.deleted
    return {
      verdict: holds ? 'holds' : 'refuted',
      because: `${leftInStores} orders found of ${gap.deleted} deleted in the gap; ${describe(audit)}`,
      evidence: [gap, snapshot],
    }
  },
}

export const recovers: Check<Entry> = {
  statement: 'Deleting those again ends the recovery: the auditor says consistent',
  check: (history) => {
    const [end] = entriesOf(history, 'deleted again')
    if (end === undefined || end.audit.orders === 0)
      return { verdict: 'unknown', because: 'the recovery did not get so far' }
    const because = `${end.orders} orders deleted again; ${describe(end.audit)}`
    switch (end.audit.verdict) {
      case 'consistent':
        return { verdict: 'holds', because }
      case 'diverged':
        return { verdict: 'refuted', because, evidence: [end] }
      case 'unknown':
        return { verdict: 'unknown', because }
    }
  },
}

export const mebibytes = (bytes: number): string => (bytes / 1_048_576).toFixed(1)

export function describe({ verdict, orders, divergences }: Audit): string {
  const kinds = Object.entries(divergences).filter(([, keys]) => keys > 0)
  return `${verdict} of ${orders} orders${kinds.length === 0 ? '' : ` (${kinds.map(([kind, keys]) => `${keys} ${kind}`).join(', ')})`}`
}

export const checks: readonly Check<Entry>[] = [
  retains,
  drains,
  isBounded,
  lossIsReported,
  droppingIsNoRecovery,
  snapshotLeavesDeleted,
  recovers,
]
