import { describe, expect, test } from '@jest/globals'
import { ConfigError, loadConfig } from '@driftlab/service'
import { configSchema } from './config.ts'

const environment = {
  PORT: '13305',
  POSTGRES_URL: 'postgres://u:p@127.0.0.1:5432/d',
  REDIS_URL: 'redis://u:p@127.0.0.1:6379',
  ELASTICSEARCH_URL: 'http://u:p@127.0.0.1:9200',
  CLICKHOUSE_URL: 'http://u:p@127.0.0.1:8123',
}

const faultsOf = (changes: Readonly<Record<string, string>>): string => {
  try {
    loadConfig(configSchema, { ...environment, ...changes })
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return ''
}

describe('the environment', () => {
  test('names the lanes to show; two of them unless it says otherwise', () => {
    expect(loadConfig(configSchema, environment).LANES).toEqual(['cdc', 'dual-write'])
    const more = { LANES: 'event-sourcing, cdc', KAFKA_BROKERS: '127.0.0.1:9092' }
    expect(loadConfig(configSchema, { ...environment, ...more }).LANES).toEqual(['event-sourcing', 'cdc'])
  })

  test('a lane whose truth is a log needs the log', () => {
    expect(faultsOf({ LANES: 'event-sourcing' })).toMatch(/KAFKA_BROKERS: is missing/)
  })

  test.each(Object.keys(environment))('without %s nothing starts, and the message names it', (name) => {
    expect(faultsOf({ [name]: '' })).toMatch(new RegExp(`${name}: is missing`))
  })

  test.each([
    ['LANES', 'cdc,outbox'],
    ['LANES', ','],
    ['PORT', '70000'],
    ['REDIS_URL', 'http://127.0.0.1'],
    ['STORE_TIMEOUT_MS', '0'],
    ['STORE_TIMEOUT_MS', 'soon'],
  ])('%s=%s is refused by name', (name, value) => {
    expect(faultsOf({ [name]: value })).toMatch(new RegExp(`^ {2}${name}`, 'm'))
  })
})
