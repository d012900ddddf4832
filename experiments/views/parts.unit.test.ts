/** The parts that the verdict rests on: the projection and the independent computation. */
import { describe, expect, test } from '@jest/globals'
import { decide, recordFacts, startFold } from '@driftlab/order-events'
import fc from 'fast-check'
import { commandsOf, planHistory } from '../laboratory/planned-orders.ts'
import { compare, expectedDocuments } from './expected.ts'
import { lastOfEach, purchaseChange, type Purchase } from './purchase.ts'
import type { PurchaseDocument } from './purchases-view.ts'

const item = { sku: 'tea-1', description: 'Tea', quantity: 1, unitPriceCents: 100 }

test('the documents that the projection makes are those of the plan, wherever batches are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 50 }),
      fc.nat(50),
      (dice, batch) => {
        let at = 0
        const random = (): number => dice[at++ % dice.length] ?? 0
        const planning = { random, customerId: () => `c-${Math.floor(random() * 5)}`, items: () => [item] }
        const orders = planHistory(30, 365, new Date('2026-11-27T00:00:00Z'), planning)
        const fold = startFold()
        const changes = commandsOf(orders).flatMap((command) => {
          const key = 'orderId' in command ? command.orderId : ''
          const decision = decide(fold.state(key), command)
          if (decision.outcome !== 'accepted') throw new Error(`${command.type} came to ${decision.outcome}`)
          return recordFacts(fold.state(key), key, command, decision.facts).events.flatMap((event) => {
            const before = fold.state(key)
            fold.add(event)
            return purchaseChange(before, event) ?? []
          })
        })
        const documents = new Map<string, Purchase>()
        for (let from = 0; from < changes.length; from += batch + 1) {
          for (const change of lastOfEach(changes.slice(from, from + batch + 1))) {
            if (change.kind === 'put') documents.set(change.purchase.orderId, change.purchase)
            else documents.delete(change.orderId)
          }
        }
        const found = [...documents.values()].map((purchase) => ({ ...purchase, customerName: '' }))
        const { missing, tooMany, different } = compare(found, expectedDocuments(orders, new Map()))
        expect([...missing, ...tooMany, ...different]).toEqual([])
      },
    ),
    { numRuns: 30 },
  )
})

describe('the comparison', () => {
  const document: PurchaseDocument = {
    ...{ orderId: 'a', customerId: 'c', customerName: 'Ada', boughtAt: '2026-01-01T00:00:00.000Z', items: [item] },
  }
  test('names what is missing, too many, and different, be it only a name', () => {
    expect(compare([document], [document])).toEqual({ documents: 1, missing: [], tooMany: [], different: [] })
    expect(compare([], [document]).missing).toEqual(['a'])
    expect(compare([document], []).tooMany).toEqual(['a'])
    expect(compare([{ ...document, customerName: 'Bob' }], [document]).different).toEqual(['a'])
    expect(compare([{ ...document, items: [] }], [document]).different).toEqual(['a'])
  })
})
