import { describe, expect, test } from '@jest/globals'
import { dissect, type HeldRevisions } from './dissect.ts'
import type { RecordedWrite, RecordedWrites, StoreWrite } from './recorded.ts'

type Times = Partial<Record<StoreWrite['store'], readonly [beganMs: number, endedMs: number | null, error?: string]>>

function write(revision: number, times: Times, operation: RecordedWrite['operation'] = 'update'): RecordedWrite {
  const stores = Object.entries(times).map(([store, [beganMs, endedMs, error]]): StoreWrite => ({
    store: store as StoreWrite['store'],
    beganMs,
    endedMs,
    outcome: endedMs === null ? 'pending' : error === undefined ? 'acknowledged' : 'failed',
    error: error ?? null,
  }))
  return { id: `w${revision}${operation}`, instance: 1, operation, revision, stores }
}

const recorded = (...writes: readonly RecordedWrite[]): RecordedWrites => ({
  instances: 2,
  silent: 0,
  writes,
})
const same = (revision: number) => ({ status: 'same', holds: 'present', revision })
const stale = (revision: number) => ({ status: 'stale', holds: 'present', revision })
const missing = { status: 'missing', holds: 'absent', revision: null }
const present = (revision: number): HeldRevisions['source'] => ({ state: 'present', revision })

/** PostgreSQL commits 2 before 3; Redis gets 3 before 2; the others in order. */
const first = write(2, { postgresql: [0, 2], redis: [8, 9], elasticsearch: [9, 12], clickhouse: [12, 15] })
const second = write(3, { postgresql: [1, 4], redis: [5, 6], elasticsearch: [13, 16], clickhouse: [16, 19] })

describe('the anatomy of a race', () => {
  test('names the writer that landed last though it was older, and draws both in the order of their commits', () => {
    const anatomy = dissect(
      { source: present(3), stores: { redis: stale(2), elasticsearch: same(3), clickhouse: same(3) } },
      recorded(second, first),
    )
    expect(anatomy.writers.map(({ label, write: { revision } }) => [label, revision])).toEqual([
      ['A', 2],
      ['B', 3],
    ])
    expect(anatomy.explanations).toEqual([
      {
        store: 'redis',
        cause: 'overtaken',
        text: 'Redis: PostgreSQL committed write A before write B, but here write A came 2.00 ms after write B was done. It overwrote the newer order, and nothing will write it again.',
      },
    ])
    expect(anatomy.holders).toEqual({ postgresql: 'B', redis: 'A', elasticsearch: 'B', clickhouse: 'B' })
    expect([anatomy.fromMs, anatomy.untilMs]).toEqual([0, 19])
    expect(anatomy.caveat).toBe('')
  })

  test('goes by the revisions where the answers of PostgreSQL came in the other order', () => {
    const late = write(2, { postgresql: [0, 5], redis: [8, 9] })
    const { writers, explanations } = dissect(
      { source: present(3), stores: { redis: stale(2) } },
      recorded(late, second),
    )
    expect(writers.map(({ label, write: { revision } }) => [label, revision])).toEqual([
      ['A', 2],
      ['B', 3],
    ])
    expect(explanations[0]?.text).toContain('PostgreSQL committed write A before write B')
  })

  test('says so when both were on their way at once, for then the times alone do not tell who landed last', () => {
    const overlapping = write(2, { postgresql: [0, 2], redis: [4, 9] })
    const { explanations } = dissect({ source: present(3), stores: { redis: stale(2) } }, recorded(overlapping, second))
    expect(explanations[0]?.text).toContain('both were on their way at once and write A landed last')
  })

  test('of an order that was removed: the write that brought it back', () => {
    const removal = write(2, { postgresql: [3, 4], redis: [5, 6] }, 'remove')
    const { explanations, holders } = dissect(
      { source: { state: 'deleted' }, stores: { redis: { status: 'resurrected', holds: 'present', revision: 2 } } },
      recorded(first, removal),
    )
    expect(explanations[0]?.cause).toBe('overtaken')
    expect(holders).toMatchObject({ postgresql: 'B', redis: 'A' })
  })

  test('draws no write that has no part in it', () => {
    const early = write(1, { postgresql: [-9, -8], redis: [-8, -7] }, 'create')
    const { writers } = dissect({ source: present(3), stores: { redis: stale(2) } }, recorded(early, first, second))
    expect(writers.map(({ write: { revision } }) => revision)).toEqual([2, 3])
  })
})

describe('the anatomy of a partial failure', () => {
  const broken = write(3, { postgresql: [0, 1], redis: [1, 2], elasticsearch: [2, 2_002, 'no answer in 2 s'] })

  test('names the store at which the write failed, and those that it never came to', () => {
    const { explanations, holders } = dissect(
      { source: present(3), stores: { redis: same(3), elasticsearch: stale(2), clickhouse: missing } },
      recorded(broken),
    )
    expect(explanations.map(({ store, cause }) => [store, cause])).toEqual([
      ['elasticsearch', 'failed'],
      ['clickhouse', 'never-written'],
    ])
    expect(explanations[0]?.text).toContain('no answer in 2 s')
    expect(explanations[1]?.text).toContain('failed at Elasticsearch')
    expect(holders).toEqual({ postgresql: 'A', redis: 'A', elasticsearch: undefined, clickhouse: undefined })
  })

  test('says that a write is on its way while it is', () => {
    const pending = write(3, { postgresql: [0, 1], redis: [1, null] })
    const { explanations } = dissect(
      { source: present(3), stores: { redis: stale(2), clickhouse: stale(2) } },
      recorded(pending),
    )
    expect(explanations.map(({ cause }) => cause)).toEqual(['under-way', 'under-way'])
  })
})

describe('what the record does not show is not made up', () => {
  test.each([
    ['no write is remembered', recorded()],
    ['the newest write is not remembered', recorded(first)],
    ['the store acknowledged the newest write, and nobody remembers what it holds', recorded(second)],
  ])('%s', (_case, writes) => {
    const { explanations } = dissect({ source: present(3), stores: { redis: stale(2) } }, writes)
    expect(explanations.map(({ cause }) => cause)).toEqual(['not-known'])
  })

  test('a store that holds the newest revision with other values was changed by somebody else', () => {
    const { explanations } = dissect(
      { source: present(3), stores: { redis: { status: 'corrupt', holds: 'present', revision: 3 } } },
      recorded(first, second),
    )
    expect(explanations[0]?.cause).toBe('not-known')
  })

  test('a store that did not answer is not explained', () => {
    const unobserved = { status: 'unobserved', holds: 'unobserved', revision: null }
    expect(dissect({ source: present(3), stores: { redis: unobserved } }, recorded(second)).explanations).toEqual([])
  })

  test('says when an instance did not answer, and when nothing is remembered', () => {
    const { caveat } = dissect({ source: present(3), stores: { redis: stale(2) } }, { ...recorded(), silent: 1 })
    expect(caveat).toBe('1 of 2 instances of the service did not answer; no write of this order is remembered')
  })
})
