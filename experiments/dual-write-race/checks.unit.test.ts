import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cellsOf, sequenceOf, updatesPerOrder } from './cells.ts'
import { dualWriteRace, type Entry } from './experiment.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'race-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const verdictsOf = async (history: readonly Entry[]): Promise<readonly string[]> => {
  const file = join(folder, 'history.jsonl')
  await writeFile(file, history.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
  return (await dualWriteRace.conclude(file, { quick: false })).findings.map(({ verdict }) => verdict)
}

const safe = (cell: { readonly strategy: string; readonly concurrency: number }): boolean =>
  cell.concurrency === 1 || cell.strategy === 'cdc' || cell.strategy === 'dual-write-in-transaction'

/** A tenth of the orders of each cell that is not safe diverges everywhere. */
const expected: readonly Entry[] = cellsOf(false).flatMap(({ orders, ...cell }, cellIndex) =>
  Array.from({ length: orders }, (_, index): Entry => ({
    ...cell,
    order: `00000000-0000-7000-8000-${String(cellIndex * 10_000 + index).padStart(12, '0')}`,
    outcomes: Array.from({ length: updatesPerOrder }, () => 'ok'),
    divergent: !safe(cell) && index % 10 === 0 ? ['redis', 'elasticsearch', 'clickhouse'] : [],
  })),
)
const changed = (where: (entry: Entry) => boolean, change: Partial<Entry>): readonly Entry[] =>
  expected.map((entry) => (where(entry) ? { ...entry, ...change } : entry))

describe('the verdict', () => {
  test('holds for what is expected', async () => {
    expect(new Set(await verdictsOf(expected))).toEqual(new Set(['holds']))
  })

  test.each([
    ['one client alone', (entry: Entry) => entry.strategy === 'dual-write' && entry.concurrency === 1],
    ['the lock', (entry: Entry) => entry.strategy === 'dual-write-in-transaction'],
    ['change data capture', (entry: Entry) => entry.strategy === 'cdc'],
  ])('is refuted by a divergent copy with %s', async (_, where) => {
    expect(await verdictsOf(changed(where, { divergent: ['clickhouse'] }))).toContain('refuted')
  })

  test.each(['dual-write', 'dual-write-parallel', 'dual-write-last-writer-wins'])(
    'is refuted when %s has no divergent copy',
    async (strategy) => {
      expect(await verdictsOf(changed((entry) => entry.strategy === strategy, { divergent: [] }))).toContain('refuted')
    },
  )

  test('is unknown when the audit could not tell, or nothing was recorded', async () => {
    expect(new Set(await verdictsOf(changed(() => true, { divergent: null })))).toEqual(new Set(['unknown']))
    expect(new Set(await verdictsOf([]))).toEqual(new Set(['unknown']))
  })

  test('leaves orders out of which an update was not acknowledged', async () => {
    const failed = changed((entry) => entry.strategy === 'cdc', { outcomes: ['indeterminate'], divergent: ['redis'] })
    expect((await verdictsOf(failed)).at(-1)).toBe('unknown')
  })
})

test('each order gets all its updates, and only so many are hot at a time', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 8 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      (orders, hotOrders, draws) => {
        const sequence = sequenceOf(orders, hotOrders, () => Number(draws.next().value))
        expect(sequence).toHaveLength(orders.length * updatesPerOrder)
        for (const order of orders) expect(sequence.filter((each) => each === order)).toHaveLength(updatesPerOrder)
        for (const index of sequence.keys()) {
          const hot = orders.filter((order) => sequence.indexOf(order) <= index && sequence.lastIndexOf(order) >= index)
          expect(hot.length).toBeLessThanOrEqual(hotOrders)
        }
      },
    ),
    { numRuns: 30 },
  )
})
