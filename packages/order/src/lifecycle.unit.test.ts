import { describe, expect, test } from '@jest/globals'
import { orderStatuses, type OrderStatus } from './index.ts'
import { decideChange, movesFrom } from './lifecycle.ts'

const item = { sku: 'tea-1', description: 'Green tea', quantity: 2, unitPriceCents: 450 }

const legal = new Set(['placed>paid', 'placed>cancelled', 'paid>shipped', 'paid>cancelled', 'shipped>delivered'])
const pairs = orderStatuses.flatMap((from) => orderStatuses.map((to) => ({ from, to })))

describe('the life of an order', () => {
  test.each(pairs)('$from to $to is decided by the table of legal moves', ({ from, to }) => {
    const decision = decideChange({ status: from }, { status: to })
    const expected = legal.has(`${from}>${to}`)
      ? { outcome: 'allowed', change: { status: to } }
      : { outcome: 'illegal-move', from, to }
    expect(decision).toEqual(expected)
  })

  test('every order that moves on ends delivered or cancelled', () => {
    const ends = new Set<OrderStatus>()
    const walk = (status: OrderStatus, steps: number): void => {
      expect(steps).toBeLessThan(orderStatuses.length)
      const moves = movesFrom(status)
      if (moves.length === 0) ends.add(status)
      for (const next of moves) walk(next, steps + 1)
    }
    walk('placed', 0)
    expect([...ends].sort()).toEqual(['cancelled', 'delivered'])
  })

  test('items change only while the order is placed, and the total follows them', () => {
    expect(decideChange({ status: 'placed' }, { items: [item] })).toEqual({
      outcome: 'allowed',
      change: { items: [item], totalCents: 900 },
    })
    for (const status of orderStatuses.filter((other) => other !== 'placed')) {
      expect(decideChange({ status }, { items: [item] })).toEqual({ outcome: 'items-locked', status })
    }
  })

  test('items and payment may come in one change', () => {
    expect(decideChange({ status: 'placed' }, { status: 'paid', items: [item] })).toMatchObject({
      outcome: 'allowed',
      change: { status: 'paid', totalCents: 900 },
    })
  })

  test('a total that no double holds exactly is refused', () => {
    const dear = { ...item, quantity: 1_000_000, unitPriceCents: 100_000_000_000 }
    expect(decideChange({ status: 'placed' }, { items: [dear] })).toEqual({ outcome: 'total-too-large' })
  })

  test('note and name change at any time, and leave the rest alone', () => {
    for (const status of orderStatuses) {
      expect(decideChange({ status }, { note: 'n', customerName: 'c' })).toEqual({
        outcome: 'allowed',
        change: { note: 'n', customerName: 'c' },
      })
    }
  })
})
