import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { compareWithRow, judge, type Evidence, type Held, type View } from './judge.ts'
import type { SourceRow } from './projection.ts'
import type { Projection, RecordSpecification } from './specification.ts'
import type { Json } from './values.ts'

const record: RecordSpecification = {
  key: { column: 'id', type: 'text' },
  revision: 'revision',
  changedAt: 'changed_at',
  columns: { status: { type: 'text' }, items: { type: 'json' } },
}
const projection: Projection = {
  id: { column: 'id', each: undefined },
  state: { column: 'status', each: undefined },
  lines: { column: 'items', each: { amount: { item: 'quantity', type: { type: 'integer' } } } },
  revision: { column: 'revision', each: undefined },
}
const view: View = { record, projection, revisionField: 'revision', dialect: 'document' }

const row = (revision: number, status = `status at ${revision}`): SourceRow => ({
  key: 'a',
  revision,
  changedAtMs: revision,
  values: { id: 'a', status, items: [{ quantity: revision }], revision },
})
const holding = (revision: number, status = `status at ${revision}`): Held => ({
  state: 'present',
  fields: { id: 'a', state: status, lines: [{ amount: revision }], revision },
})
const absent: Held = { state: 'absent' }
const unreadable: Held = { state: 'unreadable', reason: 'not JSON', excerpt: '{' }
const at = <Row>(found: Row | null, deletedAt: number | null = null) => ({
  row: found,
  deletion: deletedAt === null ? null : { revision: 9, deletedAtMs: deletedAt },
})
const evidence = (fields: Pick<Evidence, 'before' | 'held' | 'after'> & Partial<Evidence>): Evidence => ({
  settlesBy: 'log',
  deletionsKnown: true,
  looksBefore: 0,
  ...fields,
})
const outcome = (fields: Parameters<typeof evidence>[0]): string => {
  const judgement = judge(view, evidence(fields))
  return judgement.outcome === 'different' ? judgement.kind : judgement.outcome
}

describe('compared with a row at rest', () => {
  it.each<[string, Held, string]>([
    ['nothing', absent, 'missing'],
    ['an older revision', holding(2), 'stale'],
    ['the same revision with another value', holding(3, 'forged'), 'corrupt'],
    ['a revision that the source never had', holding(4), 'corrupt'],
    ['something unreadable', unreadable, 'corrupt'],
    ['no revision', { state: 'present', fields: { id: 'a', state: 'status at 3' } }, 'corrupt'],
    ['the row', holding(3), 'fine'],
  ])('%s is %s', (_name, held, expected) => {
    expect(outcome({ before: at(row(3)), held, after: at(row(3)) })).toBe(expected)
    expect(outcome({ before: at(row(3)), held, after: at(row(3)), settlesBy: 'bounded' })).toBe(expected)
  })

  it('a difference names its fields', () => {
    expect(compareWithRow(view, row(3), holding(3, 'forged'))).toMatchObject({
      kind: 'corrupt',
      differences: [{ field: 'state', source: 'status at 3', store: 'forged' }],
    })
  })

  it('a difference inside a renamed item is one', () => {
    const held: Held = {
      state: 'present',
      fields: { id: 'a', state: 'status at 3', lines: [{ amount: 4 }], revision: 3 },
    }
    expect(compareWithRow(view, row(3), held)).toMatchObject({ kind: 'corrupt', differences: [{ field: 'lines' }] })
  })

  it('what the projection does not name is not compared', () => {
    const held: Held = { state: 'present', fields: { ...fieldsOf(holding(3)), deleted: false, version: 77 } }
    expect(compareWithRow(view, row(3), held).outcome).toBe('same')
  })
})

describe('a key that the source lacks', () => {
  it('is resurrected when it was deleted, phantom when it never was', () => {
    expect(outcome({ before: at(null, 5), held: holding(2), after: at(null, 5) })).toBe('resurrected')
    expect(outcome({ before: at(null), held: holding(2), after: at(null) })).toBe('phantom')
  })

  it('is fine when the store lacks it too', () => {
    expect(outcome({ before: at(null, 5), held: absent, after: at(null, 5) })).toBe('fine')
  })

  it('is looked at again when it was deleted meanwhile', () => {
    expect(outcome({ before: at(null), held: holding(2), after: at(null, 5) })).toBe('again')
    expect(outcome({ before: at(null, 5), held: holding(2), after: at(null, 6) })).toBe('again')
    expect(outcome({ before: at(row(2)), held: holding(2), after: at(null, 5) })).toBe('again')
  })

  it('needs two looks where deletions are not recorded', () => {
    const seen = { before: at(null), held: holding(2), after: at(null), deletionsKnown: false }
    expect(outcome(seen)).toBe('again')
    expect(outcome({ ...seen, looksBefore: 1 })).toBe('phantom')
  })
})

describe('a row that moved while it was looked at', () => {
  it('is stale for certain behind a log, when the store is behind the first look', () => {
    expect(outcome({ before: at(row(3)), held: holding(2), after: at(row(5)) })).toBe('stale')
    expect(outcome({ before: at(row(3)), held: absent, after: at(row(5)) })).toBe('again')
    expect(outcome({ before: at(row(3)), held: holding(4, 'passing'), after: at(row(5)) })).toBe('fine')
  })

  it('is never diverged where a write may be in flight', () => {
    expect(outcome({ before: at(row(3)), held: holding(2), after: at(row(5)), settlesBy: 'bounded' })).toBe('again')
    expect(outcome({ before: at(row(3)), held: absent, after: at(row(5)), settlesBy: 'bounded' })).toBe('again')
  })

  it('under a lower revision is another row with the same key, and is looked at again', () => {
    expect(outcome({ before: at(row(7)), held: holding(7), after: at(row(1)) })).toBe('again')
  })
})

/**
 * A pipeline that keeps its promise: the store shows some state that the source had at or after the first look, and at
 * or before the second. Whatever the history, such a store is never accused.
 */
it('a store that is never behind the watermark is never accused', () => {
  const states = fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }).map((deletes) => {
    let revision = 0
    let alive = false
    let deletion: { revision: number; deletedAtMs: number } | null = null
    return deletes.map((remove, step) => {
      if (alive && remove) {
        deletion = { revision, deletedAtMs: step }
        alive = false
      } else {
        revision += 1
        alive = true
      }
      return { row: alive ? row(revision) : null, deletion: alive ? null : deletion }
    })
  })
  fc.assert(
    fc.property(
      states,
      fc.nat(),
      fc.nat(),
      fc.nat(),
      fc.constantFrom<Evidence['settlesBy']>('log', 'bounded'),
      (history, one, two, three, settlesBy) => {
        const [before = 0, shown = 0, after = 0] = [one, two, three]
          .map((n) => n % history.length)
          .sort((a, b) => a - b)
        const nowhere = { row: null, deletion: null }
        const held = history[shown]?.row
        const judgement = judge(
          view,
          evidence({
            before: history[before] ?? nowhere,
            held: held == null ? absent : holding(held.revision),
            after: history[after] ?? nowhere,
            settlesBy,
          }),
        )
        expect(judgement.outcome).not.toBe('different')
      },
    ),
    { numRuns: 2_000 },
  )
})

it('whatever differs from a row at rest is accused, whichever field it is', () => {
  const forged = fc.constantFrom<[string, Json]>(
    ['id', 'b'],
    ['state', 'forged'],
    ['lines', []],
    ['lines', [{ amount: 99 }]],
    ['revision', 1],
    ['revision', 99],
    ['revision', null],
  )
  fc.assert(
    fc.property(forged, fc.constantFrom<Evidence['settlesBy']>('log', 'bounded'), ([field, value], settlesBy) => {
      const held: Held = { state: 'present', fields: { ...fieldsOf(holding(3)), [field]: value } }
      expect(judge(view, evidence({ before: at(row(3)), held, after: at(row(3)), settlesBy })).outcome).toBe(
        'different',
      )
    }),
  )
})

function fieldsOf(held: Held): Readonly<Record<string, unknown>> {
  return held.state === 'present' ? held.fields : {}
}
