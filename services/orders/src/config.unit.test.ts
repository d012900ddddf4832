import { describe, expect, test } from '@jest/globals'
import { ConfigError, loadConfig } from '@driftlab/service'
import { configSchema, laneOf } from './config.ts'

const cdc = { PORT: '13101', WRITE_STRATEGY: 'cdc', POSTGRES_URL: 'postgres://u:p@127.0.0.1:5432/d' }
const dualWrite = {
  ...cdc,
  WRITE_STRATEGY: 'dual-write',
  REDIS_URL: 'redis://u:p@127.0.0.1:6379',
  ELASTICSEARCH_URL: 'http://u:p@127.0.0.1:9200',
  CLICKHOUSE_URL: 'http://u:p@127.0.0.1:8123',
}

const faultsOf = (environment: Record<string, string>): string => {
  try {
    loadConfig(configSchema, environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return ''
}

describe('the environment', () => {
  test("the lane is the strategy's, unless another is named", () => {
    expect(laneOf(loadConfig(configSchema, cdc))).toBe('cdc')
    expect(laneOf(loadConfig(configSchema, dualWrite))).toBe('dual-write')
    expect(laneOf(loadConfig(configSchema, { ...cdc, LANE: 't-1' }))).toBe('t-1')
  })

  test.each(['PORT', 'POSTGRES_URL', 'REDIS_URL', 'ELASTICSEARCH_URL', 'CLICKHOUSE_URL'])(
    'without %s, dual writes do not start, and the message names it',
    (name) => {
      expect(faultsOf({ ...dualWrite, [name]: '' })).toMatch(new RegExp(`${name}: is missing`))
    },
  )

  test.each(['READ_MODEL_URL', 'COORDINATOR_LOG'])(
    'without %s, two-phase commit does not start, and the message names it',
    (name) => {
      const twoPhase = {
        ...{ ...cdc, WRITE_STRATEGY: 'two-phase-commit' },
        ...{ READ_MODEL_URL: 'postgres://u:p@127.0.0.1:5432/r', COORDINATOR_LOG: '/tmp/log' },
      }
      expect(faultsOf(twoPhase)).toBe('')
      expect(faultsOf({ ...twoPhase, [name]: '' })).toMatch(new RegExp(`${name}: is missing`))
    },
  )

  test('a strategy that does not exist, or none, is named with those that do', () => {
    expect(faultsOf({ ...cdc, WRITE_STRATEGY: 'hope' })).toMatch(
      /WRITE_STRATEGY: must be one of cdc, outbox, trigger, dual-write,/,
    )
    expect(faultsOf({ ...cdc, WRITE_STRATEGY: '' })).toMatch(/WRITE_STRATEGY: is missing/)
  })

  test.each([
    ['PORT', '70000'],
    ['POSTGRES_URL', 'mysql://h/d'],
    ['POSTGRES_URL', 'nonsense'],
    ['LANE', 'x"; drop schema cdc; --'],
    ['LOG_LEVEL', 'loud'],
  ])('%s=%s is refused by name, and the value is not repeated', (name, value) => {
    const message = faultsOf({ ...cdc, [name]: value })
    expect(message).toMatch(new RegExp(`${name}: `))
    expect(message).not.toContain(value)
  })
})
