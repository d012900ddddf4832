import { expect, test } from '@jest/globals'
import { readSamples, select, sum } from './exposition.ts'

const text = `# HELP wanted A gauge
# TYPE wanted gauge
wanted{lane="cdc",note="a \\"b\\" }\\n\\\\"} 1.5
wanted{lane="dual-write"} 2 1700000000000
wanted_more 7
other{lane="cdc"} 3
wanted{lane="cdc"} +Inf
wanted{lane="cdc"} nonsense
wanted
`

test('reads the series that were asked for, with their labels as they were meant, and passes over the rest', () => {
  expect(readSamples(text, new Set(['wanted']))).toEqual([
    { name: 'wanted', labels: { lane: 'cdc', note: 'a "b" }\n\\' }, value: 1.5 },
    { name: 'wanted', labels: { lane: 'dual-write' }, value: 2 },
    { name: 'wanted', labels: { lane: 'cdc' }, value: Number.POSITIVE_INFINITY },
  ])
})

test('of no series the sum is not known, which is not 0', () => {
  const samples = readSamples('a{x="1"} 2\na{x="2"} 0\n', new Set(['a']))
  expect(sum(select(samples, 'a'))).toBe(2)
  expect(sum(select(samples, 'a', { x: '2' }))).toBe(0)
  expect(sum(select(samples, 'a', { x: '3' }))).toBeNull()
})
