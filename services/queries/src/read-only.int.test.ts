/** Each of the service's users is tried: it reads what the service shows, and whatever else is tried is refused. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { connectClickHouse, connectElasticsearch, connectPostgres, connectRedis } from '@driftlab/stores'
import { eventually, testSettings } from '@driftlab/stores/testing'
import { addressesOfService, openLane, type LaneUnderTest } from './queries-under-test.ts'

jest.setTimeout(60_000)

const addresses = addressesOfService()
let under: LaneUnderTest
let id: string

beforeAll(async () => {
  under = await openLane('cdc')
  const row = await under.place()
  id = row.id
  await under.copy(row)
})

afterAll(async () => {
  await under.drop()
})

describe('in PostgreSQL', () => {
  test('every write is refused: by the transaction, and by what the user may do', async () => {
    const { table } = under.lane
    const pool = connectPostgres(addresses.postgres, { connectionsMax: 1 })
    const session = await pool.connect()
    try {
      expect((await session.query(`select id from ${table}`)).rowCount).toBe(1)
      const writes = [
        `delete from ${table}`,
        `update ${table} set note = ''`,
        `insert into ${table} (id) values ('${id}')`,
        `create table ${under.lane.schema}.mine (id int)`,
        `drop table ${table}`,
      ]
      for (const write of writes) await expect(session.query(write)).rejects.toMatchObject({ code: '25006' })
      await session.query('set default_transaction_read_only = off')
      for (const write of writes) await expect(session.query(write)).rejects.toMatchObject({ code: '42501' })
      for (const read of [`select 1 from ${under.lane.schema}.idempotency_keys`, 'select 1 from pg_authid']) {
        await expect(session.query(read)).rejects.toMatchObject({ code: '42501' })
      }
    } finally {
      session.release()
      await pool.end()
    }
  })
})

describe('in Redis', () => {
  test('three commands read the orders of the lanes; every other command and every other key is refused', async () => {
    const redis = connectRedis(addresses.redis)
    try {
      await eventually(() => redis.status === 'ready', { deadlineMs: 5_000 })
      const key = under.lane.redisKey(id)
      expect(await redis.hget(key, 'version')).toBe('1')
      expect(await redis.hmget(key, 'version')).toEqual(['1'])
      expect(await redis.get(under.lane.cache.prefixKey)).toBeNull()
      for (const command of [
        ['hset', key, 'document', '{}'],
        ['hdel', key, 'document'],
        ['del', key],
        ['expire', key, '1'],
        ['set', under.lane.cache.prefixKey, 'elsewhere:'],
        ['eval', 'return 1', '0'],
        ['hgetall', key],
        ['keys', '*'],
        ['scan', '0'],
        ['flushall'],
        ['config', 'get', '*'],
        ['acl', 'list'],
        ['get', `${under.lane.name}:orders:hold`],
        ['get', 'secrets'],
        ['hget', 'other:order:1', 'document'],
      ] as const) {
        const [name, ...rest] = command
        await expect(redis.call(name, ...rest)).rejects.toThrow(/^NOPERM/)
      }
    } finally {
      redis.disconnect()
    }
  })
})

describe('in Elasticsearch', () => {
  test('the index of the lanes is read, and nothing is written, made or removed', async () => {
    const client = connectElasticsearch(addresses.elasticsearch, { timeoutMs: 10_000 })
    const { index } = under.lane
    const refused = { statusCode: 403 }
    try {
      expect((await client.get({ index, id })).found).toBe(true)
      await expect(client.index({ index, id, document: {} })).rejects.toMatchObject(refused)
      await expect(client.update({ index, id, doc: { note: '' } })).rejects.toMatchObject(refused)
      await expect(client.delete({ index, id })).rejects.toMatchObject(refused)
      await expect(client.indices.delete({ index: `${index}-v1` })).rejects.toMatchObject(refused)
      await expect(client.indices.create({ index: `${index}-v9` })).rejects.toMatchObject(refused)
      await expect(client.indices.refresh({ index })).rejects.toMatchObject(refused)
      await expect(client.indices.putSettings({ index, settings: { refresh_interval: '5s' } })).rejects.toMatchObject(
        refused,
      )
      await expect(client.search({ index: 'outbox-orders' })).rejects.toMatchObject(refused)
    } finally {
      await client.close()
    }
  })
})

describe('in ClickHouse', () => {
  test('the tables of the lanes are read, and neither rows, tables nor settings are changed', async () => {
    const client = connectClickHouse(addresses.clickhouse, { timeoutMs: 10_000 })
    const { warehouseDatabase: database } = under.lane
    try {
      const rows = await client.query({ query: `SELECT id FROM ${database}.orders`, format: 'JSONEachRow' })
      expect(await rows.json()).toEqual([{ id }])
      for (const query of [
        `INSERT INTO ${database}.order_changes (id) VALUES ('x')`,
        `ALTER TABLE ${database}.orders_by_version DELETE WHERE 1`,
        `TRUNCATE TABLE ${database}.orders_by_version`,
        `DROP TABLE ${database}.orders_by_version`,
        `CREATE TABLE ${database}.mine (id String) ENGINE = Memory`,
        `CREATE DATABASE mine`,
        `OPTIMIZE TABLE ${database}.orders_by_version FINAL`,
        'SELECT * FROM system.query_log',
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
      ]) {
        await expect(client.command({ query })).rejects.toMatchObject({ code: expect.stringMatching(/^(497|164|60)$/) })
      }
      for (const settings of [{ readonly: '0' }, { max_execution_time: 3_600 }, { max_result_rows: '0' }] as const) {
        await expect(client.query({ query: 'SELECT 1', clickhouse_settings: settings })).rejects.toMatchObject({
          code: '164',
        })
      }
      await expect(client.query({ query: 'SELECT 1 SETTINGS max_execution_time = 3600' })).rejects.toMatchObject({
        code: '164',
      })
    } finally {
      await client.close()
    }
  })

  test('what takes too long or answers too much is broken off by the server', async () => {
    const client = connectClickHouse(addresses.clickhouse, { timeoutMs: 30_000 })
    try {
      const long = client.query({ query: 'SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1' })
      await expect(long.then((answer) => answer.text())).rejects.toMatchObject({ code: '159' })
      const wide = client.query({ query: 'SELECT number FROM numbers(1001)' })
      await expect(wide.then((answer) => answer.text())).rejects.toMatchObject({ code: '396' })
    } finally {
      await client.close()
    }
  })
})

test('its passwords are its own', () => {
  const { variables } = testSettings()
  for (const [name, value] of Object.entries(variables)) {
    if (!/_QUERIES_PASSWORD$/.test(name)) continue
    const others = Object.entries(variables).filter(([other]) => other.endsWith('_PASSWORD') && other !== name)
    expect(others.filter(([, password]) => password === value)).toEqual([])
  }
})
