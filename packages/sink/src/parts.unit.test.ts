import { describe, expect, test } from '@jest/globals'
import { parseOffset } from '@driftlab/change-event'
import fc from 'fast-check'
import { toDeadLetter } from './dead-letters.ts'
import { backoffMs, createLatencyWindow } from './index.ts'

describe('backoff', () => {
  test('rises, never passes the cap and never falls under half of it once there', () => {
    const options = { firstMs: 100, capMs: 5_000 }
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, random) => {
          const waitMs = backoffMs(attempt, options, random)
          expect(waitMs).toBeGreaterThanOrEqual(attempt > 6 ? 2_500 : 50)
          expect(waitMs).toBeLessThanOrEqual(5_000)
        },
      ),
    )
  })
})

describe('the latency window', () => {
  test('answers percentiles to three digits, and nothing rather than zero when it is empty', () => {
    const latency = createLatencyWindow(() => new Date(0))
    expect(latency.summary()).toEqual({
      count: 0,
      p50Ms: null,
      p99Ms: null,
      maxMs: null,
      since: '1970-01-01T00:00:00.000Z',
    })
    for (let ms = 1; ms <= 100; ms += 1) latency.record(ms)
    const { count, p50Ms, p99Ms, maxMs } = latency.summary()
    expect(count).toBe(100)
    expect(p50Ms).toBeCloseTo(50, 0)
    expect(p99Ms).toBeCloseTo(99, 0)
    expect(maxMs).toBeCloseTo(100, 0)
    latency.reset()
    expect(latency.summary().count).toBe(0)
  })
})

describe('a dead letter', () => {
  test('keeps key, value and headers, and says in Connect’s headers where it came from and why', () => {
    const record = {
      topic: 't',
      partition: 2,
      offset: parseOffset(7),
      timestampMs: 1,
      key: Buffer.from('k'),
      value: Buffer.from([0xff, 0]),
      headers: { mine: 'kept' },
    }
    const letter = toDeadLetter(
      { record, stage: 'write', reason: 'store-refused', errorName: 'mapper_exception', message: 'no' },
      'search-indexer',
    )
    expect(letter).toEqual({
      key: record.key,
      value: record.value,
      headers: {
        mine: 'kept',
        '__connect.errors.topic': 't',
        '__connect.errors.partition': '2',
        '__connect.errors.offset': '7',
        '__connect.errors.connector.name': 'search-indexer',
        '__connect.errors.task.id': '0',
        '__connect.errors.stage': 'TASK_PUT',
        '__connect.errors.class.name': '@driftlab/sink/store-refused',
        '__connect.errors.exception.class.name': 'mapper_exception',
        '__connect.errors.exception.message': 'no',
        '__connect.errors.exception.stacktrace': 'mapper_exception: no',
      },
    })
  })
})
