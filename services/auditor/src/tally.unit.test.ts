import { expect, it } from '@jest/globals'
import { nextPageSize } from './audit.ts'
import { recordKey } from './log.ts'
import { formatLsn, parseLsn } from './sources/postgres.ts'
import { literal } from './stores/clickhouse.ts'
import { createTally, takeInTurns } from './tally.ts'

it('a store of which nothing was seen is unknown', () => {
  expect(createTally(['redis'], 3).storeReports()['redis']).toMatchObject({ verdict: 'unknown', divergedKeys: 0 })
})

it('one doubt makes one store unknown and leaves the other', () => {
  const tally = createTally(['redis', 'elasticsearch'], 3)
  tally.countCompared('redis', 10)
  tally.countCompared('elasticsearch', 10)
  tally.doubt('redis', 'went away')
  expect(tally.storeReports()).toMatchObject({
    redis: { verdict: 'unknown', doubts: ['went away'] },
    elasticsearch: { verdict: 'consistent', doubts: [] },
  })
})

it('keys that never came to rest are a doubt, unless something is certain', () => {
  const tally = createTally(['redis'], 3)
  tally.countCompared('redis', 10)
  tally.countUndetermined('redis', 2)
  expect(tally.storeReports()['redis']).toMatchObject({ verdict: 'unknown', undeterminedKeys: 2 })
  tally.countDivergence('redis', 'stale', 'a')
  expect(tally.storeReports()['redis']).toMatchObject({ verdict: 'diverged' })
})

it('an extra key that a scan lists twice is counted once', () => {
  const tally = createTally(['redis'], 3)
  expect(tally.countDivergence('redis', 'phantom', 'a')).toEqual({ wantsExample: true })
  expect(tally.countDivergence('redis', 'phantom', 'a')).toEqual({ wantsExample: false })
  expect(tally.storeReports()['redis']).toMatchObject({ divergences: { phantom: 1 }, divergedKeys: 1 })
})

it('examples show every kind before any twice, and no more than were asked for', () => {
  expect(takeInTurns([['a', 'b'], ['c'], ['a', 'd']], 3)).toEqual(['a', 'c', 'b'])
  expect(takeInTurns([], 3)).toEqual([])
  const tally = createTally(['redis'], 1)
  expect(tally.countDivergence('redis', 'stale', 'a').wantsExample).toBe(true)
  expect(tally.countDivergence('redis', 'stale', 'b').wantsExample).toBe(false)
  expect(tally.countDivergence('redis', 'missing', 'c').wantsExample).toBe(true)
})

it('pages shrink when rows are large and grow when they are small', () => {
  expect(nextPageSize(100, 30_000, 1_000)).toBe(400)
  expect(nextPageSize(400, 120_000, 1_000)).toBe(1_000)
  expect(nextPageSize(100, 10_000_000, 1_000)).toBe(20)
  expect(nextPageSize(1, 100_000_000, 1_000)).toBe(1)
})

it('positions of the write-ahead log are compared as numbers', () => {
  expect(parseLsn('16/B374D848')).toBe(0x16_b374_d848n)
  expect(formatLsn(parseLsn('0/1C27BD0'))).toBe('0/1C27BD0')
  expect(parseLsn('1/0') > parseLsn('0/FFFFFFFF')).toBe(true)
  expect(() => parseLsn('yesterday')).toThrow(TypeError)
})

it.each([
  ['{"id":"a"}', 'a'],
  ['{"schema":{},"payload":{"id":"a"}}', 'a'],
  ['{"id":7}', '7'],
  ['"a"', 'a'],
  ['a', 'a'],
  ['{"other":1}', '{"other":1}'],
])('the key %s of a record is %s', (text, key) => {
  expect(recordKey(Buffer.from(text), 'id')).toBe(key)
})

it.each([
  ['plain', `'plain'`],
  [`o'clock`, `'o\\'clock'`],
  ['back\\slash', `'back\\\\slash'`],
  [`\\'); drop`, `'\\\\\\'); drop'`],
])('the key %j cannot leave its literal in a statement', (text, expected) => {
  expect(literal(text)).toBe(expected)
})
