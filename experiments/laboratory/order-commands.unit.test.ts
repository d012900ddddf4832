import { expect, test } from '@jest/globals'
import { decodeCommand, encodeCommand, type Command } from '@driftlab/order-events'
import { planDay, seededDice } from './order-commands.ts'

const dayOf = (seed: number): readonly Command[] =>
  planDay({ ...seededDice(seed), orders: 60, changesMax: 8, limitedSkus: 2 })

test('the same dice make the same day, others another one', () => {
  expect(dayOf(1)).toEqual(dayOf(1))
  expect(dayOf(1)).not.toEqual(dayOf(2))
})

test('every command can be read again, and a day has repeats and limited goods in it', () => {
  const day = dayOf(1)
  for (const command of day) {
    const { key, value } = encodeCommand(command)
    expect(decodeCommand(Buffer.from(key), Buffer.from(value))).toEqual(command)
  }
  expect(new Set(day.map(({ id }) => id)).size).toBeLessThan(day.length)
  expect(day.some((command) => command.type === 'PlaceOrder' && command.visits.length > 0)).toBe(true)
  expect(day.filter(({ type }) => type === 'ReceiveStock')).not.toHaveLength(0)
})

test('an order is placed before it is changed', () => {
  const placed = new Set<string>()
  for (const command of dayOf(3)) {
    if (command.type === 'PlaceOrder') placed.add(command.orderId)
    if (command.type === 'ChangeOrder' || command.type === 'RemoveOrder') expect(placed).toContain(command.orderId)
  }
})
