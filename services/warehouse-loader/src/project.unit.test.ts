import type { ChangeEvent } from '@driftlab/change-event'
import { deleteAt, orderRow, upsertAt } from '@driftlab/sink-contract'
import { describe, expect, test } from '@jest/globals'
import { gather } from './gather.ts'
import { project } from './project.ts'
import { timestampOf } from './timestamp.ts'

const id = '01a20cb0-61e2-716c-b757-ebf929957ae0'

function rowOf(change: ChangeEvent): unknown {
  return project(change).map(({ row }): unknown => JSON.parse(row))
}

test('a change becomes the row that records it', () => {
  expect(project(upsertAt(4, orderRow(id, 3)))).toMatchObject([{ key: `${id}@5`, version: 5 }])
  expect(rowOf(upsertAt(4, orderRow(id, 3)))).toMatchObject([
    { id, revision: 3, version: 5, operation: 'update', lsn: null },
  ])
})

test('a delete is recorded with the columns that the order last had', () => {
  expect(rowOf(deleteAt(4, orderRow(id, 3)))).toMatchObject([
    { id, revision: 3, version: 5, operation: 'delete', committed_at: '2026-01-02T00:00:00.004000Z' },
  ])
})

test.each([
  [1_795_509_215_736.711, '2026-11-24T08:33:35.736711Z'],
  [1_795_509_215_000, '2026-11-24T08:33:35.000000Z'],
])('%d keeps its microseconds', (ms, text) => {
  expect(timestampOf(ms)).toBe(text)
})

describe('gathering', () => {
  test('joins calls of one window into one, and runs one at a time', async () => {
    const runs: (readonly number[])[] = []
    let running = 0
    let runningMax = 0
    const add = gather(
      async (items: readonly number[]) => {
        running += 1
        runningMax = Math.max(runningMax, running)
        runs.push(items)
        await new Promise((resolve) => setTimeout(resolve, 5))
        running -= 1
        return items.length
      },
      { windowMs: 1 },
    )
    const together = [add([1]), add([2, 3])]
    expect(await Promise.all(together)).toEqual([3, 3])
    expect(await Promise.all([add([4]), add([5])])).toEqual([2, 2])
    expect(runs).toEqual([
      [1, 2, 3],
      [4, 5],
    ])
    expect(runningMax).toBe(1)
  })

  test('a failed call fails those that joined it, and not the next', async () => {
    let calls = 0
    const add = gather(
      () => {
        calls += 1
        return calls === 1 ? Promise.reject(new Error('first')) : Promise.resolve('second')
      },
      { windowMs: 1 },
    )
    expect((await Promise.allSettled([add([1]), add([2])])).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
    ])
    expect(await add([3])).toBe('second')
  })
})
