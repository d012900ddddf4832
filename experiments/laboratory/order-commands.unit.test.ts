import { expect, test } from '@jest/globals'
import { decodeCommand, encodeCommand, type Command } from '@driftlab/order-events'
import { planDay, seededDice, sideBySide } from './order-commands.ts'

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

test('an order is placed before anything else is asked of it', () => {
  const asked = dayOf(3).flatMap((command) => ('orderId' in command ? [command] : []))
  const lives = Map.groupBy(asked, ({ orderId }) => orderId)
  expect(lives.size).toBe(60)
  for (const [first] of lives.values()) expect(first?.type).toBe('PlaceOrder')
})

test('lives side by side keep their own order, and nothing is lost', () => {
  const lives = [['a1', 'a2', 'a3'], [], ['b1', 'b2'], ['c1']]
  const all = sideBySide(lives, seededDice(1))
  expect(all.toSorted()).toEqual(lives.flat())
  for (const life of lives) expect(all.filter((step) => life.includes(step))).toEqual(life)
})
