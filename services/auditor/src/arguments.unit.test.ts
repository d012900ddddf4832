import { expect, it } from '@jest/globals'
import { parseArguments, UsageError } from './arguments.ts'

it('without options, everything is audited once with the defaults', () => {
  expect(parseArguments([])).toEqual({
    help: false,
    specificationPath: undefined,
    lanes: undefined,
    deadlineMs: 120_000,
    examplesMax: 10,
    pageSize: 1_000,
    jsonPath: undefined,
    continuous: false,
    intervalMs: 30_000,
  })
})

it('lanes may be named one by one, and times are given in seconds', () => {
  const parsed = parseArguments(['--lane', 'cdc', '--lane', 'dual-write', '--deadline', '2.5', '--json', '-'])
  expect(parsed).toMatchObject({ lanes: ['cdc', 'dual-write'], deadlineMs: 2_500, jsonPath: '-' })
})

it.each([
  [['--dead-line', '3'], '--dead-line'],
  [['--deadline', 'soon'], '--deadline'],
  [['--deadline', '-1'], '--deadline'],
  [['--examples', '1.5'], '--examples'],
  [['--page-size', '0'], '--page-size'],
  [['--page-size', '1e9'], '--page-size'],
  [['--interval', '0'], '--interval'],
  [['--lane'], '--lane'],
  [['everything'], 'everything'],
])('%j is refused by name', (argv, named) => {
  expect(() => parseArguments(argv)).toThrow(UsageError)
  expect(() => parseArguments(argv)).toThrow(named)
})
