import { describe, expect, test } from '@jest/globals'
import { imagineDay } from '../laboratory/imagined-lane.ts'
import type { Check } from '../runner/experiment.ts'
import { compare, differsBy, readDifferently, sameFromLog } from './checks.ts'
import { codes, type Code, type Entry, type EntryOf } from './history.ts'
import { sourcesOf, startMachine, type Snapshot } from './machine.ts'

const events: readonly EntryOf<'event'>[] = [0, 1].flatMap((partition) =>
  [0, 2, 4].map((offset) => ({ kind: 'event', partition, offset, type: 'OrderPlaced', key: 'k' }) as const),
)
/** A replica that has read everything, `size` events at a time; `wrong` is where its state is another. */
const replica = (code: Code, name: string, size: number, wrong?: string): readonly Entry[] =>
  [0, 1].flatMap((partition) => {
    const own = events.filter((event) => event.partition === partition)
    return Array.from({ length: Math.ceil(own.length / size) }, (_, batch): Entry => {
      const some = own.slice(batch * size, (batch + 1) * size)
      return {
        ...{ kind: 'batch', replica: name, code, partition, offsets: some.map(({ offset }) => offset) },
        digests: some.map(({ offset }) => (wrong === `${partition}@${offset}` ? 'another' : `${partition}@${offset}`)),
      }
    })
  })
const log = (name: string, size: number, wrong?: string) => replica('the log alone', name, size, wrong)
const clock = (name: string, wrong?: string) => replica('the clock', name, 1, wrong)
const three = [...events, ...log('a', 1), ...log('b', 2), ...log('c', 3)]

type Histories = Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>
describe.each<readonly [string, Check<Entry>, Histories]>([
  [
    'the same state',
    sameFromLog,
    {
      holds: [three],
      refuted: [[...events, ...log('a', 1), ...log('b', 2), ...log('c', 3, '1@2')]],
      unknown: [
        [],
        [...events, ...log('a', 1)],
        [...events, ...log('a', 1), ...log('b', 2)],
        [...events, ...log('a', 1), ...log('b', 2).slice(1), ...log('c', 3).slice(1)],
      ],
    },
  ],
  [
    'other batches',
    readDifferently,
    { holds: [three], refuted: [], unknown: [[], three.slice(0, 8), [...log('a', 1), ...log('b', 2), ...log('c', 2)]] },
  ],
  [
    'another source',
    differsBy('the clock'),
    {
      holds: [[...events, ...clock('a'), ...clock('b', '0@4')]],
      refuted: [[...events, ...clock('a'), ...clock('b')]],
      unknown: [[], [...events, ...clock('a')], [...three], [...events, ...clock('a'), ...clock('b', '0@4').slice(1)]],
    },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history).verdict).toBe(verdict)
  })
})

test('the first difference is that of the lowest offset of the first partition', () => {
  const { differences } = compare([...events, ...clock('a', '1@0'), ...clock('b', '0@4')], 'the clock')
  expect(differences).toMatchObject([{ partition: 0, offset: 4 }])
})

describe('machines', () => {
  const day = imagineDay(1, { orders: 40, changesMax: 6, limitedSkus: 2 }).events
  const keys = [...new Set(day.map(({ key }) => key))]
  const placed = day.map((event) => ({ partition: keys.indexOf(event.key) % 2, event }))
  const oneAfterAnother = placed.toSorted((left, right) => left.partition - right.partition)

  /** The digests of each partition, in its order. */
  const run = (code: Code, order: typeof placed, stopAt = order.length) => {
    let machine = startMachine(sourcesOf[code])
    const digests: string[][] = [[], []]
    for (const [index, { partition, event }] of order.entries()) {
      if (index === stopAt) {
        const snapshot = JSON.parse(JSON.stringify(machine.snapshot())) as Snapshot
        machine = startMachine(sourcesOf[code], snapshot)
      }
      digests[partition]?.push(machine.add(partition, event))
    }
    return digests
  }

  test('that know the log alone are alike, whichever partition comes first and wherever they were stopped', () => {
    const expected = run('the log alone', placed)
    expect(run('the log alone', oneAfterAnother)).toEqual(expected)
    expect(run('the log alone', placed, 50)).toEqual(expected)
  })

  test('that number orders as they arrive are not', () => {
    expect(run('the order of arrival', oneAfterAnother)).not.toEqual(run('the order of arrival', placed))
    expect(run('the order of arrival', placed)).toEqual(run('the order of arrival', placed))
  })

  test('of another code are not those of the log', () => {
    for (const code of codes.filter((other) => other !== 'the log alone')) {
      expect(run(code, placed)).not.toEqual(run('the log alone', placed))
    }
  })
})
