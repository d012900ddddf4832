import { describe, expect, test } from '@jest/globals'
import { documentsIn } from './held.ts'
import { planFreeze, planLives } from './plan.ts'

const id = '00000000-0000-4000-8000-000000000001'

describe('what a sink was about to write', () => {
  const document = JSON.stringify({ id, note: 'Zoë {', revision: 3 })
  const bytes = Buffer.from(
    `*4\r\n$4\r\nhset\r\n$3\r\nkey\r\n$8\r\ndocument\r\n$57\r\n${document}\r\n*2\r\n$3\r\ndel\r\n$1\r\nk\r\n`,
  )

  test('is read from the bytes of its commands', () => {
    expect(documentsIn(bytes)).toEqual([{ order: id, revision: 3 }])
  })
  test('is without a document of which only a part was sent', () => {
    expect(documentsIn(bytes.subarray(0, bytes.indexOf('revision')))).toEqual([])
  })
  test('is nothing where nothing was sent', () => {
    expect(documentsIn(Buffer.alloc(0))).toEqual([])
  })
})

describe('the lives of orders', () => {
  const orders = Array.from({ length: 40 }, (_none, number) => String(number))
  // Not random at all, which is the sequence that is easiest to check.
  const hands = planLives(orders, { clients: 4, notes: 2, random: () => 0.5 })

  test('each order belongs to one client and gets every change', () => {
    expect(hands.map((steps) => new Set(steps.map(({ order }) => order)).size)).toEqual([10, 10, 10, 10])
    expect(hands.flat()).toHaveLength(40 * 5)
  })
  test('an order is paid, shipped and delivered in this order', () => {
    const moves = hands.flat().flatMap((step) => (step.order === '7' && step.kind === 'status' ? [step.status] : []))
    expect(moves).toEqual(['paid', 'shipped', 'delivered'])
  })
  test('a removal is the last change', () => {
    const removed = planLives(['a'], { clients: 1, notes: 2, random: () => 0 })
    expect(removed[0]?.map(({ kind }) => kind)).toEqual(['note', 'note', 'status', 'status', 'status', 'remove'])
  })
})

test('whatever a frozen sink holds of an order is changed once more', () => {
  const { held, newer } = planFreeze(['a', 'b', 'c', 'd'])
  expect(held.map(({ order }) => order)).toEqual(['a', 'b', 'c', 'd'])
  expect(newer.map(({ order, kind }) => [order, kind])).toEqual([
    ['a', 'note'],
    ['b', 'status'],
    ['c', 'note'],
    ['d', 'remove'],
  ])
})
