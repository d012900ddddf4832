import { describe, expect, test } from '@jest/globals'
import {
  changesPerOperation,
  createPlan,
  mix,
  operationCount,
  operationsPerArrival,
  schedule,
  windowSize,
  type Operation,
} from './plan.ts'

const operations = 10_000

function planned(seed: number): readonly Operation[] {
  const plan = createPlan({ seed, operations })
  return Array.from({ length: operations }, (_, i) => plan.operation(i))
}

function targets(all: readonly Operation[]): readonly number[] {
  return all.flatMap((operation) => (operation.kind === 'create' ? [] : [operation.target]))
}

describe('the plan of a load', () => {
  test('the same seed gives the same operation, in whatever order they are asked for', () => {
    const plan = createPlan({ seed: 7, operations })
    const backwards = Array.from({ length: operations }, (_, i) => plan.operation(operations - 1 - i)).reverse()
    expect(backwards).toEqual(planned(7))
  })

  test('the same seed gives the same orders to start from', () => {
    const orders = (seed: number) => {
      const plan = createPlan({ seed, operations })
      return Array.from({ length: 50 }, (_, n) => plan.initialOrder(n))
    }
    expect(orders(7)).toEqual(orders(7))
    expect(orders(7)).not.toEqual(orders(8))
  })

  test('another seed gives another plan, but for the schedule', () => {
    const unscheduled = (seed: number) => planned(seed).filter((_, i) => i % operationsPerArrival >= schedule.length)
    const other = unscheduled(8)
    const same = unscheduled(7).filter((operation, i) => JSON.stringify(operation) === JSON.stringify(other[i]))
    expect(same.length).toBeLessThan(other.length / 100)
  })

  test('seeds next to each other share no stretch of the plan', () => {
    const one = JSON.stringify(targets(planned(7)).slice(0, 20)).slice(1, -1)
    expect(JSON.stringify(targets(planned(8)))).not.toContain(one)
  })

  test('a shorter run is the beginning of a longer one', () => {
    const longer = createPlan({ seed: 7, operations: 2 * operations })
    expect(Array.from({ length: operations }, (_, i) => longer.operation(i))).toEqual(planned(7))
  })

  test('kinds come up as often as the mix says', () => {
    expect(Object.values(mix).reduce((sum, percent) => sum + percent, 0)).toBe(100)
    const unscheduled = planned(7).filter((_, i) => i % operationsPerArrival >= schedule.length)
    const sharesOf = (matches: (operation: Operation) => boolean): number =>
      (100 * unscheduled.filter(matches).length) / unscheduled.length
    const creations = sharesOf(({ kind }) => kind === 'create')
    const pairs = sharesOf(({ kind }) => kind === 'pair')
    const notes = sharesOf((operation) => operation.kind === 'single' && operation.changes[0].kind === 'note')
    expect(Math.abs(creations - mix.create)).toBeLessThan(2)
    expect(Math.abs(pairs - mix['two-notes'] - mix['cancel-and-note'] - mix['delete-and-note'])).toBeLessThan(2)
    expect(Math.abs(notes - mix.note)).toBeLessThan(2)
  })

  test('an order is paid once, and what follows comes after its payment', () => {
    const moves = new Map<number, string[]>()
    for (const operation of planned(7)) {
      if (operation.kind === 'create') continue
      const [change] = operation.changes
      if (change.kind !== 'advance') continue
      moves.set(operation.target, [...(moves.get(operation.target) ?? []), change.status])
    }
    const order = schedule.map(({ status }) => status)
    for (const found of moves.values()) expect(order.slice(0, found.length)).toEqual(found)
    const shippedShare = [...moves.values()].filter((found) => found.length > 1).length / moves.size
    expect(shippedShare).toBeGreaterThan(0.35)
    expect(shippedShare).toBeLessThan(0.55)
  })

  test('few operations ask for what an earlier one made impossible', () => {
    const deleted = new Set<number>()
    const cancelled = new Set<number>()
    let impossible = 0
    let asked = 0
    for (const operation of planned(7)) {
      if (operation.kind === 'create') continue
      for (const change of operation.changes) {
        asked += 1
        if (deleted.has(operation.target) || (change.kind !== 'note' && cancelled.has(operation.target)))
          impossible += 1
        if (change.kind === 'delete') deleted.add(operation.target)
        if (change.kind === 'cancel') cancelled.add(operation.target)
      }
    }
    expect(impossible / asked).toBeLessThan(0.1)
  })

  test('the rate of changes is the rate asked for', () => {
    const requests = planned(7).reduce(
      (sum, operation) =>
        sum + (operation.kind === 'create' ? 1 + operation.followUp.length : operation.changes.length),
      0,
    )
    expect(Math.abs(requests / operations - changesPerOperation)).toBeLessThan(0.03)
    expect(operationCount({ rate: 200, durationMs: 60_000 }) * changesPerOperation).toBeCloseTo(12_000, -1)
  })

  test('some orders are far busier than others, and most of the population is reached', () => {
    const found = targets(planned(7))
    const hits = new Map<number, number>()
    for (const target of found) hits.set(target, (hits.get(target) ?? 0) + 1)
    const busiestFirst = [...hits.values()].sort((left, right) => right - left)
    const busiestTenth = busiestFirst.slice(0, Math.ceil(hits.size / 10)).reduce((sum, count) => sum + count, 0)
    expect(busiestTenth / found.length).toBeGreaterThan(0.3)
    expect(hits.size).toBeGreaterThan(0.75 * createPlan({ seed: 7, operations }).populationSize)
  })

  test('an order that left the window is not touched again', () => {
    const all = planned(7)
    all.forEach((operation, i) => {
      if (operation.kind === 'create') return
      const newest = windowSize - 1 + Math.floor(i / operationsPerArrival)
      expect(operation.target).toBeLessThanOrEqual(newest)
      expect(operation.target).toBeGreaterThan(newest - windowSize)
    })
  })

  test('every target exists, however long the run', () => {
    const plan = createPlan({ seed: 1, operations: 1_000_000 })
    for (let i = 0; i < 1_000_000; i += 997) {
      const operation = plan.operation(i)
      if (operation.kind === 'create') continue
      expect(operation.target).toBeGreaterThanOrEqual(0)
      expect(operation.target).toBeLessThan(plan.populationSize)
    }
  })

  test('two clients who write at the same moment never write the same thing', () => {
    for (const operation of planned(7)) {
      if (operation.kind !== 'pair') continue
      expect(operation.changes[0]).not.toEqual(operation.changes[1])
    }
  })
})
