import { describe, expect, it } from '@jest/globals'
import { ConfigError } from '@driftlab/service'
import { connectionsFrom } from './connections.ts'
import { ordersSpecificationPath, readSpecification } from './specification.ts'

const specification = await readSpecification(ordersSpecificationPath)
const urls = {
  POSTGRES_URL: 'postgres://a:b@db:5432/driftlab',
  REDIS_URL: 'redis://a:b@cache:6379',
  ELASTICSEARCH_URL: 'http://a:b@search:9200',
  CLICKHOUSE_URL: 'http://a:b@warehouse:8123',
  KAFKA_BROKERS: 'one:9092,two:9092',
}

it('the addresses come from the environment', () => {
  expect(connectionsFrom(urls, specification)).toEqual({
    postgresUrl: urls.POSTGRES_URL,
    redisUrl: urls.REDIS_URL,
    elasticsearchUrl: urls.ELASTICSEARCH_URL,
    clickhouseUrl: urls.CLICKHOUSE_URL,
    kafkaBrokers: ['one:9092', 'two:9092'],
  })
})

it('a lane that needs no log needs no Kafka', () => {
  const rest = { ...urls, KAFKA_BROKERS: undefined }
  expect(connectionsFrom(rest, specification, ['dual-write']).kafkaBrokers).toBeUndefined()
  expect(() => connectionsFrom(rest, specification, ['cdc'])).toThrow(/KAFKA_BROKERS: is missing/)
})

it("what the environment does not say is put together from the lab's settings, with the auditor's own users", () => {
  const lab = {
    LAB_HOST: '127.0.0.1',
    POSTGRES_PORT: '15432',
    POSTGRES_DATABASE: 'driftlab',
    POSTGRES_AUDITOR_USER: 'auditor',
    POSTGRES_AUDITOR_PASSWORD: 'p@ss/word',
  }
  const rest = { ...urls, POSTGRES_URL: '' }
  expect(connectionsFrom({ ...rest, ...lab }, specification).postgresUrl).toBe(
    'postgres://auditor:p%40ss%2Fword@127.0.0.1:15432/driftlab',
  )
})

describe('a bad setting is named and its value kept back', () => {
  it.each(Object.keys(urls))('%s', (name) => {
    const check = (): unknown => connectionsFrom({ ...urls, [name]: 'secret' }, specification)
    expect(check).toThrow(ConfigError)
    expect(check).toThrow(name)
    expect(check).not.toThrow('secret')
  })
})
