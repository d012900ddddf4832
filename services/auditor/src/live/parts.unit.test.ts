import { describe, expect, test } from '@jest/globals'
import { createDivergenceList } from './divergences.ts'
import type { Evidence } from './evidence.ts'
import { createWaitingKeys } from './waiting.ts'

const source = { state: 'present', revision: 2 } as const
const evidenceOf = (key: string): Evidence => ({ key, source: { state: 'absent' }, stores: {} })

describe('the list of what differs', () => {
  const listOf = (bounds = { keysMax: 3, evidenceMax: 2 }) => createDivergenceList(bounds)

  test('counts a key once a store, under the kind of the last look', () => {
    const list = listOf()
    list.see({ key: 'a', store: 'redis', kind: 'missing', source }, 10)
    list.see({ key: 'a', store: 'redis', kind: 'stale', source }, 20)
    list.see({ key: 'a', store: 'clickhouse', kind: 'stale', source }, 20)
    expect(list.countsOf('redis')).toMatchObject({ missing: 0, stale: 1 })
    expect(list.countsOf('clickhouse')).toMatchObject({ stale: 1 })
    expect(list.find('a')).toMatchObject({ firstSeenMs: 10, lastSeenMs: 20 })
    expect(list.size).toBe(1)
  })

  test('holds a key until it is right in every store, and no longer', () => {
    const list = listOf()
    list.see({ key: 'a', store: 'redis', kind: 'stale', source }, 1)
    list.see({ key: 'a', store: 'clickhouse', kind: 'stale', source }, 1)
    list.setEvidence('a', evidenceOf('a'))
    list.clear('a', 'redis')
    expect([...(list.find('a')?.stores.keys() ?? [])]).toEqual(['clickhouse'])
    list.clear('a', 'clickhouse')
    list.clear('a', 'clickhouse')
    expect(list.find('a')).toBeUndefined()
    expect(list.evidenceOf('a')).toBeUndefined()
    expect(list.countsOf('clickhouse').stale).toBe(0)
  })

  test('takes in no more keys than it may hold, and says so until there is room again', () => {
    const list = listOf()
    for (const key of ['a', 'b', 'c', 'd']) list.see({ key, store: 'redis', kind: 'stale', source }, 1)
    expect(list.size).toBe(3)
    expect(list.full).toBe(true)
    expect(list.countsOf('redis').stale).toBe(3)
    list.forget('a')
    expect(list.full).toBe(false)
    list.see({ key: 'd', store: 'redis', kind: 'stale', source }, 2)
    expect(list.newest(2).map(({ key }) => key)).toEqual(['d', 'c'])
  })

  test('keeps the evidence of the newest keys, whichever was looked at last', () => {
    const list = listOf()
    for (const [time, key] of ['a', 'b', 'c'].entries()) list.see({ key, store: 'redis', kind: 'stale', source }, time)
    for (const key of ['b', 'a', 'c', 'a']) list.setEvidence(key, evidenceOf(key))
    expect(['a', 'b', 'c'].filter((key) => list.evidenceOf(key) !== undefined)).toEqual(['b', 'c'])
    list.setEvidence('unheard of', evidenceOf('unheard of'))
    expect(list.evidenceOf('unheard of')).toBeUndefined()
  })

  test('gives every key its turn before any has a second one', () => {
    const list = listOf()
    for (const key of ['a', 'b', 'c']) list.see({ key, store: 'redis', kind: 'stale', source }, 1)
    const turns = [list.takeInTurn(2), list.takeInTurn(2), list.takeInTurn(2)].map((keys) => keys.map(({ key }) => key))
    expect(turns).toEqual([
      ['a', 'b'],
      ['c', 'a'],
      ['b', 'c'],
    ])
  })
})

describe('the keys that wait', () => {
  test('are due from their time on, and wait until every store was judged', () => {
    const waiting = createWaitingKeys(['redis', 'clickhouse'], { keysMax: 10 })
    waiting.add('a', 100)
    expect(waiting.due(99, 10).size).toBe(0)
    expect([...waiting.due(100, 10)]).toEqual([['a', new Set(['redis', 'clickhouse'])]])
    waiting.done('a', 'redis')
    expect([...waiting.due(100, 10)]).toEqual([['a', new Set(['clickhouse'])]])
    waiting.done('a', 'clickhouse')
    expect(waiting.size).toBe(0)
  })

  test('wait anew, for every store, after a newer change', () => {
    const waiting = createWaitingKeys(['redis', 'clickhouse'], { keysMax: 10 })
    waiting.add('a', 100)
    waiting.done('a', 'redis')
    waiting.again('a')
    expect(waiting.looksOf('a')).toBe(1)
    waiting.add('a', 200)
    expect(waiting.due(199, 10).size).toBe(0)
    expect([...waiting.due(200, 10)]).toEqual([['a', new Set(['redis', 'clickhouse'])]])
    expect(waiting.looksOf('a')).toBe(0)
  })

  test('take turns: what could not be judged goes behind the others', () => {
    const waiting = createWaitingKeys(['redis'], { keysMax: 10 })
    for (const key of ['a', 'b', 'c']) waiting.add(key, 0)
    waiting.again('a')
    expect([...waiting.due(0, 2).keys()]).toEqual(['b', 'c'])
  })

  test('are bounded: the oldest is let go, and counted', () => {
    const waiting = createWaitingKeys(['redis'], { keysMax: 2 })
    for (const key of ['a', 'b', 'c']) waiting.add(key, 0)
    expect([...waiting.due(0, 10).keys()]).toEqual(['b', 'c'])
    expect(waiting.letGo).toBe(1)
    waiting.done('a', 'redis')
    waiting.again('a')
    expect(waiting.size).toBe(2)
  })
})
