/**
 * What every sink's store must promise, as a test suite that runs against the real one.
 *
 * The claim behind it all: redelivery, reordering between writers, a paused process that goes on writing, and replays
 * are harmless. Whatever is delivered in whatever order, once each change has arrived, a reader sees each order as of
 * its last change.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ChangeEvent } from '@driftlab/change-event'
import type { OrderDocument } from '@driftlab/order'
import { StoreUnavailable, type Operation, type Projection, type Store } from '@driftlab/sink'
import fc from 'fast-check'
import { deleteAt, documentOf, orderRow, upsertAt } from './changes.ts'

export { deleteAt, documentOf, orderRow, upsertAt } from './changes.ts'

/** A sink's store on a throw-away lane. */
export interface SinkHarness<Op extends Operation> {
  readonly store: Store<Op>
  readonly project: Projection<Op>
  /** The order as a reader of the store sees it now. */
  read(id: string): Promise<OrderDocument | undefined>
  /** Resolves once the store has forgotten whatever it forgets about deletes. */
  outlastDeletes(): Promise<void>
  /** A change of this order that the store will never take. */
  makeUnacceptable(id: string): Promise<ChangeEvent>
  /** The same store where nobody listens. */
  connectNowhere(): Store<Op>
  /** Removes the lane and closes what was opened. */
  close(): Promise<void>
}

export function describeSinkContract<Op extends Operation>(name: string, open: () => Promise<SinkHarness<Op>>): void {
  describe(`${name} keeps the contract of a sink`, () => {
    let harness: SinkHarness<Op>
    beforeAll(async () => {
      harness = await open()
    }, 30_000)
    afterAll(async () => {
      await harness.close()
    }, 30_000)

    const apply = (...changes: readonly ChangeEvent[]): ReturnType<Store<Op>['write']> =>
      harness.store.write(operationsOf(changes, harness.project))

    test('a reader sees the order as of its last change', async () => {
      const id = crypto.randomUUID()
      await apply(upsertAt(1, orderRow(id, 1)))
      expect(await harness.read(id)).toEqual(documentOf(orderRow(id, 1)))
      await apply(upsertAt(2, orderRow(id, 2)))
      expect(await harness.read(id)).toEqual(documentOf(orderRow(id, 2)))
      await apply(deleteAt(3, orderRow(id, 2)))
      expect(await harness.read(id)).toBeUndefined()
    })

    test('doing a change twice changes nothing', async () => {
      const id = crypto.randomUUID()
      const change = upsertAt(1, orderRow(id, 1))
      await apply(change)
      expect(await apply(change)).toMatchObject({ refused: [] })
      expect(await harness.read(id)).toEqual(documentOf(orderRow(id, 1)))
    })

    test('a stale update never overwrites a newer one', async () => {
      const id = crypto.randomUUID()
      await apply(upsertAt(10, orderRow(id, 2)))
      await apply(upsertAt(9, orderRow(id, 1)))
      expect(await harness.read(id)).toEqual(documentOf(orderRow(id, 2)))
    })

    test('versions are compared as numbers, not as text', async () => {
      const id = crypto.randomUUID()
      await apply(upsertAt(8, orderRow(id, 1)))
      await apply(upsertAt(9, orderRow(id, 2)))
      expect(await harness.read(id)).toEqual(documentOf(orderRow(id, 2)))
      await apply(upsertAt(999, orderRow(id, 4)))
      await apply(upsertAt(98, orderRow(id, 3)))
      expect(await harness.read(id)).toEqual(documentOf(orderRow(id, 4)))
    })

    test('a stale write never resurrects a deleted order, however long ago it was deleted', async () => {
      const id = crypto.randomUUID()
      await apply(upsertAt(1, orderRow(id, 1)))
      await apply(deleteAt(3, orderRow(id, 2)))
      await apply(upsertAt(2, orderRow(id, 2)))
      expect(await harness.read(id)).toBeUndefined()
      await harness.outlastDeletes()
      await apply(upsertAt(2, orderRow(id, 2)))
      expect(await harness.read(id)).toBeUndefined()
    }, 20_000)

    test('a delete that arrives first fences the writes before it', async () => {
      const id = crypto.randomUUID()
      await apply(deleteAt(3, orderRow(id, 2)))
      await apply(upsertAt(2, orderRow(id, 2)))
      expect(await harness.read(id)).toBeUndefined()
    })

    test('an order that is inserted again after its delete is there', async () => {
      const id = crypto.randomUUID()
      await apply(upsertAt(1, orderRow(id, 1)))
      await apply(deleteAt(2, orderRow(id, 1)))
      await apply(upsertAt(3, orderRow(id, 1, { note: 'back' })))
      expect(await harness.read(id)).toEqual(documentOf(orderRow(id, 1, { note: 'back' })))
    })

    test('any redelivery, batch cut and interleaving of two writers ends in the same state', async () => {
      await fc.assert(
        fc.asyncProperty(histories, async ({ kinds, writers }) => {
          const ids = [crypto.randomUUID(), crypto.randomUUID()] as const
          const history = toHistory(ids, kinds)
          const all = history.map(({ change }) => change)
          const deliver = async (batches: readonly (readonly number[])[]): Promise<void> => {
            for (const batch of batches) {
              await apply(...batch.map((at) => all[at % all.length]).filter((change) => change !== undefined))
            }
          }
          // The owner reads the log while one zombie writes what chance gives it; another wakes up when all is done.
          const [during, afterwards] = writers
          await Promise.all([apply(...all), deliver(during)])
          await deliver(afterwards)
          for (const id of ids) expect(await harness.read(id)).toEqual(finalState(history, id))
        }),
        { numRuns: 15 },
      )
    }, 60_000)

    test('text of every kind and size comes back as it went in', async () => {
      const id = crypto.randomUUID()
      const row = orderRow(id, 1, {
        note: `${'long '.repeat(10_000)}\u0000\n\t"'\\ \u{1F4A1} \u202E עברית 漢字 \uFFFD`,
        customer_name: 'Ünï "quoted" \\ \u{1F600}',
        items: JSON.stringify(
          Array.from({ length: 200 }, (_, at) => ({
            sku: `sku-${at}`,
            description: `"№ ${at}"`,
            quantity: at + 1,
            unitPriceCents: 1_000_000_000_000,
          })),
        ),
        total_cents: 9_007_199_254_740_991,
      })
      await apply(upsertAt(1, row))
      expect(await harness.read(id)).toEqual(documentOf(row))
    })

    test('a refused change is named, and the others of its batch are applied', async () => {
      const [before, refused, after] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]
      const unacceptable = await harness.makeUnacceptable(refused)
      const result = await apply(upsertAt(1, orderRow(before, 1)), unacceptable, upsertAt(3, orderRow(after, 1)))
      expect(new Set(result.refused.map(({ operation }) => operation.version))).toEqual(new Set([unacceptable.version]))
      expect(result.refused.every(({ operation }) => operation.key.includes(refused))).toBe(true)
      expect(await harness.read(before)).toEqual(documentOf(orderRow(before, 1)))
      expect(await harness.read(after)).toEqual(documentOf(orderRow(after, 1)))
    })

    test('a store that is not there is unavailable, which is neither poison nor a bug', async () => {
      const nowhere = harness.connectNowhere()
      const operations = operationsOf([upsertAt(1, orderRow(crypto.randomUUID(), 1))], harness.project)
      await expect(nowhere.write(operations)).rejects.toThrow(StoreUnavailable)
      await expect(nowhere.ping()).rejects.toThrow(StoreUnavailable)
      await nowhere.close()
    })

    test('a store that is there answers a ping', async () => {
      await expect(harness.store.ping()).resolves.toBeUndefined()
    })
  })
}

/** As the runtime hands them over: a batch in the order of the log, of each key the last. */
function operationsOf<Op extends Operation>(changes: readonly ChangeEvent[], project: Projection<Op>): readonly Op[] {
  const inOrder = changes.toSorted((a, b) => a.version - b.version)
  return [...new Map(inOrder.flatMap(project).map((operation) => [operation.key, operation])).values()]
}

type Kind = 'upsert' | 'delete'
interface Past {
  readonly id: string
  readonly change: ChangeEvent
  readonly after: OrderDocument | undefined
}

const batches = fc.array(fc.array(fc.nat({ max: 11 }), { minLength: 1, maxLength: 4 }), { maxLength: 4 })
const histories = fc.record({
  kinds: fc.array(fc.tuple(fc.constantFrom<Kind>('upsert', 'upsert', 'delete'), fc.nat({ max: 1 })), {
    minLength: 1,
    maxLength: 12,
  }),
  writers: fc.tuple(batches, batches),
})

function toHistory(ids: readonly [string, string], kinds: readonly (readonly [Kind, number])[]): readonly Past[] {
  return kinds.map(([kind, which], at): Past => {
    const id = which === 0 ? ids[0] : ids[1]
    const row = orderRow(id, at + 1)
    switch (kind) {
      case 'upsert':
        return { id, change: upsertAt(at, row), after: documentOf(row) }
      case 'delete':
        return { id, change: deleteAt(at, row), after: undefined }
    }
  })
}

function finalState(history: readonly Past[], id: string): OrderDocument | undefined {
  return history.findLast((past) => past.id === id)?.after
}
