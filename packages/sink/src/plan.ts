/**
 * What one batch of records asks of the store: pure, from records to operations.
 *
 * Invariant: for each key the plan holds the batch's operations in the order of the log, and offers the last one. When
 * the store refuses that one, the one before takes its place, so that the outcome does not depend on where a batch was
 * cut.
 */
import { decode, poisonReasons, type ChangeEvent, type DecodeOptions } from '@driftlab/change-event'
import type { LogRecord } from '@driftlab/kafka'
import { ZodError } from 'zod'
import type { DeadLetter } from './dead-letters.ts'
import { ProjectionError, type Operation, type Projection, type Refusal } from './store.ts'

/** Why a record is parked: it is no change, or no projection and no store takes it. */
export const parkedReasons = [...poisonReasons, 'projection-failed', 'store-refused'] as const
export type ParkedReason = (typeof parkedReasons)[number]

/** A record that cannot be applied. */
export interface Poison extends DeadLetter {
  readonly reason: ParkedReason
}

/**
 * The last operation of a key and the records that asked for one, the last of them for this. Earlier operations are made
 * again from their records in the rare case that one is needed: a batch's worth of them would be copied by the
 * collector while the store writes.
 */
interface PlannedKey<Op extends Operation> {
  operation: Op
  readonly records: LogRecord[]
}

export interface Plan<Op extends Operation> {
  /** How many of the records are changes, poison left out. */
  readonly changeCount: number
  /**
   * When each change was committed, in the order of the log, rows of a snapshot left out: those were committed at some
   * other time, which nobody knows. (The changes themselves are not kept, or the collector would copy every row of a
   * batch while the store writes it.)
   */
  readonly committedAtMs: readonly number[]
  readonly poison: readonly Poison[]
  /** The last operation of each key. */
  readonly operations: readonly Op[]
  /** What to write instead of refused operations, and the records to park for them. */
  replace(refused: readonly Refusal<Op>[]): { readonly operations: readonly Op[]; readonly poison: readonly Poison[] }
}

export function planBatch<Op extends Operation>(
  records: readonly LogRecord[],
  project: Projection<Op>,
  options: DecodeOptions,
): Plan<Op> {
  const committedAtMs: number[] = []
  let changeCount = 0
  const poison: Poison[] = []
  const byKey = new Map<string, PlannedKey<Op>>()

  for (const record of records) {
    const decoded = decode(record, options)
    switch (decoded.type) {
      case 'tombstone':
      case 'marker':
        break
      case 'poison':
        poison.push({
          record,
          stage: 'decode',
          reason: decoded.reason,
          errorName: 'PoisonRecord',
          message: decoded.message,
        })
        break
      case 'change': {
        const projected = tryProject(record, decoded.change, project)
        if ('poison' in projected) {
          poison.push(projected.poison)
          break
        }
        changeCount += 1
        if (decoded.change.kind !== 'snapshot') committedAtMs.push(decoded.change.source.committedAtMs)
        for (const operation of projected.operations) {
          const planned = byKey.get(operation.key)
          if (planned === undefined) {
            byKey.set(operation.key, { operation, records: [record] })
          } else {
            planned.operation = operation
            planned.records.push(record)
          }
        }
        break
      }
    }
  }

  return {
    changeCount,
    committedAtMs,
    poison,
    operations: Array.from(byKey.values(), ({ operation }) => operation),
    replace: (refused) => replaceRefused(byKey, refused, (record, key) => operationOf(record, key, project, options)),
  }
}

/** What a record that was planned before asks for under this key. */
function operationOf<Op extends Operation>(
  record: LogRecord,
  key: string,
  project: Projection<Op>,
  options: DecodeOptions,
): Op {
  const decoded = decode(record, options)
  const operation = decoded.type === 'change' && project(decoded.change).findLast((candidate) => candidate.key === key)
  if (operation === false || operation === undefined) {
    throw new Error(`The projection is not pure: ${key} came of offset ${record.offset} at first, and now does not`)
  }
  return operation
}

function tryProject<Op extends Operation>(
  record: LogRecord,
  change: ChangeEvent,
  project: Projection<Op>,
): { readonly operations: readonly Op[] } | { readonly poison: Poison } {
  try {
    return { operations: project(change) }
  } catch (error) {
    // Anything else is a bug in the projection, and parking records for it would hide that.
    if (!(error instanceof ProjectionError || error instanceof ZodError)) throw error
    return {
      poison: {
        record,
        stage: 'project',
        reason: 'projection-failed',
        errorName: error.name,
        message: error.message,
        ...(error.stack === undefined ? {} : { stack: error.stack }),
      },
    }
  }
}

function replaceRefused<Op extends Operation>(
  byKey: Map<string, PlannedKey<Op>>,
  refused: readonly Refusal<Op>[],
  remake: (record: LogRecord, key: string) => Op,
): ReturnType<Plan<Op>['replace']> {
  const operations: Op[] = []
  const poison: Poison[] = []
  for (const { operation, code, message } of refused) {
    const { key } = operation
    const planned = byKey.get(key)
    const rejected = planned?.operation === operation ? planned.records.pop() : undefined
    if (planned === undefined || rejected === undefined) {
      throw new Error(`The store refused an operation that it was not given: ${key}@${operation.version}`)
    }
    poison.push({ record: rejected, stage: 'write', reason: 'store-refused', errorName: code, message })
    const previous = planned.records.at(-1)
    if (previous === undefined) continue
    planned.operation = remake(previous, key)
    operations.push(planned.operation)
  }
  return { operations, poison }
}
