import { describe, expect, test } from '@jest/globals'
import { checks } from './checks.ts'
import { derivedStores } from '../../services/orders/src/derived-stores/derived-store.ts'
import { entrySchema, type Entry, type EntryOf, type Moment } from './history.ts'
import { createClient } from './plan.ts'

const [sameFromBoth, sameAsDatabase, onceEach, lossIsLoud, snapshotLeavesOnlyDeletes] = checks.map(({ check }) => check)

type DatabaseName = EntryOf<'truth'>['database']
const order = (database: DatabaseName, id: string, note = ''): Record<string, unknown> => ({
  ...{ id, note, revision: 2 },
  createdAt: database === 'mariadb' ? '2026-01-02T03:04:05.001Z' : '2026-01-02T03:04:05.002Z',
})
const truth = (database: DatabaseName, key: string, moment: Moment = 'plan', note = ''): Entry => ({
  ...{ type: 'truth', moment, database, key },
  document: order(database, key, note),
})
const copies = (database: DatabaseName, key: string, moment: Moment = 'plan', note = ''): readonly Entry[] =>
  derivedStores.map((store) => ({
    ...{ type: 'copy', moment, database, store, key },
    document: order(database, key, note),
  }))
const settled = (database: DatabaseName, moment: Moment, isSettled = true): Entry => ({
  ...{ type: 'settled', moment, database },
  ...{ settled: isSettled, why: isSettled ? '' : 'no time' },
})
const transaction = (kinds: EntryOf<'transaction'>['kinds'], more: Partial<EntryOf<'transaction'>> = {}): Entry => ({
  ...{ type: 'transaction', database: 'mariadb', client: 0, outcome: 'committed', seen: 'by-stream', kinds },
  ...more,
})
const topic = (counts: Partial<EntryOf<'topic'>['counts']> = {}): Entry => ({
  ...{ type: 'topic', database: 'mariadb', tombstone: 1, marker: 0, poison: 0 },
  counts: { snapshot: 4, insert: 1, update: 2, delete: 1, ...counts },
})

/** A run in which all went well: of the orders a and b, b was deleted in the gap, and a was changed in it. */
const healthy: readonly Entry[] = [
  { type: 'registered', orders: 4 },
  transaction(['insert', 'delete'], { seen: 'by-snapshot' }),
  transaction(['insert', 'update']),
  transaction(['update', 'delete']),
  transaction(['insert'], { outcome: 'rolled-back' }),
  { type: 'fault', fault: 'binlog-rotated' },
  { type: 'fault', fault: 'connect-killed' },
  ...(['postgresql', 'mariadb'] as const).flatMap((database) => [
    settled(database, 'plan'),
    ...['a', 'b'].flatMap((key) => [truth(database, key), ...copies(database, key)]),
  ]),
  topic(),
  { type: 'fault', fault: 'binlog-purged' },
  transaction(['update', 'delete'], { seen: 'not' }),
  { type: 'returned', ended: 'failed', trace: 'DebeziumException: … is no longer available on the server.' },
  settled('mariadb', 'gap'),
  truth('mariadb', 'a', 'gap', 'new'),
  ...copies('mariadb', 'a', 'gap', 'new'),
  ...copies('mariadb', 'b', 'gap'),
]

const without = (matches: (entry: Entry) => boolean): readonly Entry[] => healthy.filter((entry) => !matches(entry))
const changed = (matches: (entry: Entry) => boolean, change: (entry: Entry) => Entry): readonly Entry[] =>
  healthy.map((entry) => (matches(entry) ? change(entry) : entry))
const isCopy =
  (database: DatabaseName, key: string, moment: Moment = 'plan') =>
  (entry: Entry): boolean =>
    entry.type === 'copy' && entry.database === database && entry.key === key && entry.moment === moment
const withNote = (entry: Entry): Entry =>
  'document' in entry ? { ...entry, document: { ...entry.document, note: 'wrong' } } : entry

test('a healthy history is one that can be recorded, and every part of the claim holds in it', () => {
  for (const entry of healthy) expect(entrySchema.parse(entry)).toEqual(entry)
  expect(checks.map(({ check }) => check(healthy).verdict)).toEqual(['holds', 'holds', 'holds', 'holds', 'holds'])
})

describe('equal derived stores', () => {
  test.each([
    ['misses an order', without(isCopy('mariadb', 'a'))],
    ['holds another value', changed(isCopy('mariadb', 'a'), withNote)],
    ['holds an order that is gone', [...healthy, ...copies('mariadb', 'c')]],
    [
      'holds a time that has not the form of one',
      changed(isCopy('mariadb', 'a'), (entry) =>
        'document' in entry ? { ...entry, document: { ...entry.document, createdAt: '2026-01-02 03:04:05' } } : entry,
      ),
    ],
  ])('are refuted when one of them %s', (_what, history) => {
    expect(sameFromBoth?.(history)).toMatchObject({ verdict: 'refuted' })
    expect(sameAsDatabase?.(history)).toMatchObject({ verdict: 'refuted' })
  })

  test('say nothing of a time that one database set otherwise; its own stores must have it exactly', () => {
    const history = changed(isCopy('mariadb', 'a'), (entry) =>
      'document' in entry
        ? { ...entry, document: { ...entry.document, createdAt: '2026-01-02T03:04:05.009Z' } }
        : entry,
    )
    expect(sameFromBoth?.(history)).toMatchObject({ verdict: 'holds' })
    expect(sameAsDatabase?.(history)).toMatchObject({ verdict: 'refuted' })
  })

  test('are refuted by a record that was parked', () => {
    expect(sameAsDatabase?.([...healthy, { type: 'parked', database: 'mariadb', records: 1 }])).toMatchObject({
      verdict: 'refuted',
    })
  })

  test.each([
    [
      'a sink was not waited for',
      changed(
        ({ type }) => type === 'settled',
        () => settled('mariadb', 'plan', false),
      ),
    ],
    ['no order was seen', without(({ type }) => type === 'truth')],
    ['nothing was killed', without((entry) => entry.type === 'fault' && entry.fault === 'connect-killed')],
    ['nothing was rotated', without((entry) => entry.type === 'fault' && entry.fault === 'binlog-rotated')],
  ])('are unknown when %s', (_what, history) => {
    expect(sameFromBoth?.(history)).toMatchObject({ verdict: 'unknown' })
    expect(sameAsDatabase?.(history)).toMatchObject({ verdict: 'unknown' })
  })

  test('are unknown when the databases themselves differ: then the plans did', () => {
    const history = changed(
      (entry) => entry.type === 'truth' && entry.database === 'mariadb' && entry.key === 'a' && entry.moment === 'plan',
      withNote,
    )
    expect(sameFromBoth?.(history)).toMatchObject({ verdict: 'unknown' })
  })
})

describe('each change once', () => {
  test.each([
    ['twice', topic({ update: 3 })],
    ['never', topic({ delete: 0 })],
    ['in a snapshot that was not asked for', topic({ snapshot: 8 })],
  ])('is refuted by one that is there %s', (_what, entry) => {
    expect(onceEach?.([...without(({ type }) => type === 'topic'), entry])).toMatchObject({ verdict: 'refuted' })
  })

  test('is unknown when nobody looked, or when there was nothing to see', () => {
    expect(onceEach?.(without(({ type }) => type === 'topic'))).toMatchObject({ verdict: 'unknown' })
    expect(onceEach?.(without(({ type }) => type === 'transaction'))).toMatchObject({ verdict: 'unknown' })
  })
})

describe('a loss that is loud', () => {
  const returned = (ended: EntryOf<'returned'>['ended'], trace = ''): readonly Entry[] => [
    ...without(({ type }) => type === 'returned'),
    { type: 'returned', ended, trace },
  ]
  test('is refuted by a connector that goes on', () => {
    expect(lossIsLoud?.(returned('went-on'))).toMatchObject({ verdict: 'refuted' })
  })

  test.each([
    ['it did neither', returned('neither')],
    ['it failed for another reason', returned('failed', 'Access denied')],
    ['nothing was purged', without((entry) => entry.type === 'fault' && entry.fault === 'binlog-purged')],
  ])('is unknown when %s', (_what, history) => {
    expect(lossIsLoud?.(history)).toMatchObject({ verdict: 'unknown' })
  })
})

describe('a new snapshot', () => {
  test.each([
    ['an order of the gap is missing', without(isCopy('mariadb', 'a', 'gap'))],
    ['an order of the gap is still the old one', changed(isCopy('mariadb', 'a', 'gap'), withNote)],
    ['a deleted order went by itself', without(isCopy('mariadb', 'b', 'gap'))],
  ])('does not do what is said of it when %s', (_what, history) => {
    expect(snapshotLeavesOnlyDeletes?.(history)).toMatchObject({ verdict: 'refuted' })
  })

  test('says nothing when nothing was deleted in the gap', () => {
    expect(snapshotLeavesOnlyDeletes?.([...healthy, truth('mariadb', 'b', 'gap')])).toMatchObject({
      verdict: 'unknown',
    })
  })
})

describe('the plan', () => {
  const seeded = (): (() => number) => {
    let state = 1
    return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  }

  test('is the same for the same seed', () => {
    expect(createClient(seeded()).next(50)).toEqual(createClient(seeded()).next(50))
  })

  test('never changes an order that is not there, and has everything in it: deletes, returns, rollbacks', () => {
    const client = createClient(seeded())
    const alive = new Set<string>()
    const seen = new Set<string>()
    for (const { statements, outcome } of [...client.next(500), client.remove(3)]) {
      const before = [...alive]
      for (const statement of statements) {
        const id = statement.kind === 'insert' ? statement.order.id : statement.id
        expect(alive.has(id)).toBe(statement.kind !== 'insert')
        if (statement.kind === 'insert') seen.add(alive.size > 0 && seen.has(id) ? 'return' : id)
        if (statement.kind === 'insert') alive.add(id)
        if (statement.kind === 'delete') alive.delete(id)
        seen.add(statement.kind)
      }
      seen.add(outcome)
      if (outcome === 'committed') continue
      alive.clear()
      for (const id of before) alive.add(id)
    }
    expect([...seen]).toEqual(expect.arrayContaining(['insert', 'update', 'delete', 'return', 'rolled-back']))
  })
})
