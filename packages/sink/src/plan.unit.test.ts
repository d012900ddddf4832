import { describe, expect, test } from '@jest/globals'
import { parseOffset, type ChangeEvent } from '@driftlab/change-event'
import type { LogRecord } from '@driftlab/kafka'
import fc from 'fast-check'
import { planBatch, ProjectionError, type Operation, type Refusal } from './index.ts'

const options = { format: 'debezium', table: { schema: 'cdc', name: 'orders' }, epoch: 0 } as const

interface Put extends Operation {
  readonly value: number | null
}

function project(change: ChangeEvent): readonly Put[] {
  const { version } = change
  const row = change.kind === 'delete' ? change.before : change.after
  if (row['value'] === 'unprojectable') throw new ProjectionError('no such value')
  return [{ key: String(row['id']), version, value: change.kind === 'delete' ? null : Number(row['value']) }]
}

function recordAt(offset: number, id: string, value: unknown, op: 'u' | 'd' = 'u'): LogRecord {
  const row = { id, value }
  const source = { connector: 'postgresql', schema: 'cdc', table: 'orders', ts_ms: 1 }
  const envelope = op === 'u' ? { op, before: null, after: row, source } : { op, before: row, after: null, source }
  return rawRecordAt(offset, JSON.stringify({ id }), JSON.stringify(envelope))
}

function rawRecordAt(offset: number, key: string | null, value: string | null): LogRecord {
  return {
    topic: 't',
    partition: 0,
    offset: parseOffset(offset),
    timestampMs: 1,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: {},
  }
}

/** A store of the kind that the contract asks for: the greatest version of each key wins. */
function createModelStore(refuses: (operation: Put) => boolean = () => false): {
  readonly rows: Map<string, Put>
  write(operations: readonly Put[]): readonly Refusal<Put>[]
} {
  const rows = new Map<string, Put>()
  return {
    rows,
    write: (operations) => {
      for (const operation of operations) {
        if (!refuses(operation) && operation.version > (rows.get(operation.key)?.version ?? 0)) {
          rows.set(operation.key, operation)
        }
      }
      return operations.filter(refuses).map((operation) => ({ operation, code: 'refused', message: 'no' }))
    },
  }
}

function deliver(store: ReturnType<typeof createModelStore>, records: readonly LogRecord[]): number[] {
  const plan = planBatch(records, project, options)
  const parked = plan.poison.map(({ record }) => record.offset as number)
  let pending = plan.operations
  while (pending.length > 0) {
    const { operations, poison } = plan.replace(store.write(pending))
    parked.push(...poison.map(({ record }) => record.offset))
    pending = operations
  }
  return parked
}

const log = fc
  .array(
    fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      value: fc.nat({ max: 9 }),
      op: fc.constantFrom('u' as const, 'u' as const, 'd' as const),
    }),
    {
      minLength: 1,
      maxLength: 30,
    },
  )
  .map((entries) => entries.map(({ id, value, op }, offset) => recordAt(offset, id, value, op)))

function cutAt(records: readonly LogRecord[], cuts: readonly number[]): readonly (readonly LogRecord[])[] {
  const edges = [0, ...cuts.map((cut) => cut % records.length).sort((a, b) => a - b), records.length]
  return edges.slice(1).map((edge, at) => records.slice(edges[at], edge))
}

describe('a plan', () => {
  test('offers the last operation of each key', () => {
    const { operations, changeCount, committedAtMs } = planBatch(
      [recordAt(0, 'a', 1), recordAt(1, 'b', 2), recordAt(2, 'a', 3)],
      project,
      options,
    )
    expect(operations).toEqual([
      { key: 'a', version: 3, value: 3 },
      { key: 'b', version: 2, value: 2 },
    ])
    expect(changeCount).toBe(3)
    expect(committedAtMs).toEqual([1, 1, 1])
  })

  test('skips tombstones, and parks what cannot be decoded or projected with its reason', () => {
    const { operations, poison } = planBatch(
      [
        rawRecordAt(0, '{"id":"a"}', null),
        rawRecordAt(1, '{"id":"a"}', 'not json'),
        rawRecordAt(2, null, '{}'),
        recordAt(3, 'a', 'unprojectable'),
        recordAt(4, 'a', 5),
      ],
      project,
      options,
    )
    expect(operations).toHaveLength(1)
    expect(poison.map(({ record, stage, reason }) => [record.offset, stage, reason])).toEqual([
      [1, 'decode', 'value-malformed'],
      [2, 'decode', 'key-missing'],
      [3, 'project', 'projection-failed'],
    ])
  })

  test('lets a bug in a projection through', () => {
    const bug = (): never => {
      throw new TypeError('a bug')
    }
    expect(() => planBatch([recordAt(0, 'a', 1)], bug, options)).toThrow(TypeError)
  })

  test('offers the operation before a refused one, and parks the refused one', () => {
    const plan = planBatch([recordAt(0, 'a', 1), recordAt(1, 'a', 2)], project, options)
    const [refused] = plan.operations
    if (refused === undefined) throw new Error('no operation')
    const { operations, poison } = plan.replace([{ operation: refused, code: 'c', message: 'm' }])
    expect(operations).toEqual([{ key: 'a', version: 1, value: 1 }])
    expect(poison).toMatchObject([{ record: { offset: 1 }, stage: 'write', reason: 'store-refused', errorName: 'c' }])
  })

  test('wherever batches are cut, the store ends in the same state and the same records are parked', () => {
    fc.assert(
      fc.property(log, fc.array(fc.nat(), { maxLength: 6 }), fc.nat({ max: 9 }), (records, cuts, refusedValue) => {
        const refuses = ({ value }: Put): boolean => value === refusedValue
        const whole = createModelStore(refuses)
        for (const record of records) deliver(whole, [record])
        const cut = createModelStore(refuses)
        const parked = cutAt(records, cuts).flatMap((batch) => deliver(cut, batch))
        expect(cut.rows).toEqual(whole.rows)
        // A refused operation that a later one of its batch replaced never reaches the store, so it is not parked.
        const parkable = records
          .filter(({ value }) => String(value).includes(`"value":${refusedValue}`))
          .map(({ offset }) => offset as number)
        expect(parkable).toEqual(expect.arrayContaining(parked))
      }),
    )
  })

  test('redelivery, zombies and a rebuild from the start end in the same state', () => {
    fc.assert(
      fc.property(log, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 10 })), { maxLength: 8 }), (records, stretches) => {
        const orderly = createModelStore()
        deliver(orderly, records)
        const chaotic = createModelStore()
        // Any stretches of the log, in any order, by whoever still thinks that the partition is theirs.
        for (const [start, length] of stretches) {
          const from = start % records.length
          deliver(chaotic, records.slice(from, from + length))
        }
        deliver(chaotic, records)
        for (const [start] of stretches) deliver(chaotic, records.slice(start % records.length).slice(0, 1))
        expect(chaotic.rows).toEqual(orderly.rows)
      }),
    )
  })
})
