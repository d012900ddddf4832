import { describe, expect, test } from '@jest/globals'
import type { OrderDocument } from '@driftlab/order'
import { seededDice } from '../laboratory/order-commands.ts'
import type { Check } from '../runner/experiment.ts'
import { bestRuleFor, eventsAnswer, rowsGuess, sameEffect, seenInRows } from './checks.ts'
import { habits, questions, type Entry, type EntryOf } from './history.ts'
import { tell } from './plan.ts'
import { bestRule, changeFor, distance, featuresOf, learn, mistakes } from './rows.ts'

const seen = { statusBefore: 'placed', changesBefore: '1', itemsBefore: '2', note: '', sku: '', nameDistance: '0' }
const action = (order: number, differing: Partial<EntryOf<'action'>> = {}): Entry => ({
  ...{ kind: 'action', order, habit: 0, question: 'Who cancelled it?', cause: 'support', reason: 'r' },
  ...{ event: { type: 'OrderCancelled', actor: 'support', reason: 'r' }, change: seen },
  ...differing,
})
const everyQuestion = questions.map((question, order) => action(order, { question }))
/** Orders by one or the other, of which `telling` shows in the row who it was. */
const many = (telling: boolean, count = 400): readonly Entry[] =>
  questions.flatMap((question) =>
    habits.flatMap((habit) =>
      Array.from({ length: count }, (_, order) => {
        const cause = Math.floor(order / 2) % 2 === 0 ? 'customer' : 'support'
        return action(order, { question, habit, cause, change: { ...seen, note: telling ? cause : 'same' } })
      }),
    ),
  )
const order = (row: string, folded: string): Entry => ({ kind: 'order', order: 1, row, folded })

type Histories = Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>
describe.each<readonly [string, Check<Entry>, Histories]>([
  ['the effect', sameEffect, { holds: [[order('a', 'a')]], refuted: [[order('a', 'b')]], unknown: [[]] }],
  [
    'row changes',
    seenInRows,
    { holds: [[action(1)]], refuted: [[action(1), action(2, { change: null })]], unknown: [[]] },
  ],
  [
    'events',
    eventsAnswer,
    {
      holds: [everyQuestion],
      refuted: [
        [...everyQuestion, action(9, { event: null })],
        [...everyQuestion, action(9, { cause: 'customer' })],
        [...everyQuestion, action(9, { reason: 'another' })],
      ],
      unknown: [[], everyQuestion.slice(1)],
    },
  ],
  [
    'rules over rows',
    rowsGuess,
    { holds: [many(false)], refuted: [many(true, 400)], unknown: [[], many(true, 20), many(false).slice(3 * 400)] },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history).verdict).toBe(verdict)
  })
})

describe('rules', () => {
  const note = (cause: string, text: string) => ({ cause, change: { ...seen, note: text } })
  const examples = [
    note('customer', 'please'),
    note('customer', 'please'),
    note('support', 'please'),
    note('support', ''),
  ]

  test('answer what was right most often of what looks the same', () => {
    const rule = learn(['note'], examples)
    expect(rule.answer({ ...seen, note: 'please' })).toBe('customer')
    expect(rule.answer({ ...seen, note: '' })).toBe('support')
    expect(mistakes(rule, examples)).toBe(1)
  })

  test('the best one looks at what helps where it is tried', () => {
    const best = bestRule(['sku', 'note'], examples, examples)
    expect(best.looksAt).toEqual(['note'])
  })

  test('are tried on orders that they were not told of', () => {
    expect(bestRuleFor(many(true), 'Who cancelled it?', 0)).toMatchObject({ tried: 200, wrong: 0 })
    expect(bestRuleFor(many(false), 'Who cancelled it?', 0)?.wrong).toBe(100)
  })
})

describe('rows', () => {
  const before: OrderDocument = {
    ...{ id: '00000000-0000-4000-8000-000000000001', customerId: 'c', customerName: 'Anna', status: 'placed' },
    items: [
      { sku: 'a', description: '', quantity: 1, unitPriceCents: 1 },
      { sku: 'b', description: '', quantity: 1, unitPriceCents: 1 },
    ],
    ...{ note: 'new', totalCents: 2, currency: 'EUR', revision: 1 },
    ...{ createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z' },
  }
  test('the change of each question is found, and what it looks like', () => {
    const withoutItem = { before, after: { ...before, items: before.items.slice(1), note: 'sorry' } }
    const renamed = { before, after: { ...before, customerName: 'Hanna' } }
    const cancelled = { before, after: { ...before, status: 'cancelled' as const } }
    const changes = [renamed, withoutItem, cancelled]
    expect(changeFor('Why is the item gone?', changes)).toBe(withoutItem)
    expect(changeFor('Who changed the name?', changes)).toBe(renamed)
    expect(changeFor('Who cancelled it?', changes)).toBe(cancelled)
    expect(featuresOf(withoutItem)).toMatchObject({ sku: 'a', note: 'sorry', itemsBefore: '2' })
  })

  test.each([
    ['', '', 0],
    ['Anna', 'Hanna', 2],
    ['Meyer', 'Meier', 1],
    ['abc', '', 3],
  ])('%s is so far from %s', (from, to, expected) => {
    expect(distance(from, to)).toBe(expected)
  })
})

test('stories keep an item, and ask each question at most once', () => {
  const dice = seededDice(1)
  for (let turn = 0; turn < 200; turn += 1) {
    const { actions } = tell(dice, 0.5)
    const asked = actions.flatMap(({ question }) => question ?? [])
    expect(new Set(asked).size).toBe(asked.length)
    for (const { patch } of actions) expect(patch.items?.length).not.toBe(0)
  }
})
