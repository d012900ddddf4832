import { describe, expect, test } from '@jest/globals'
import {
  connectorSettingsSchema,
  fillPlaceholders,
  readBinlogConnectorConfig,
  readConnectorConfig,
} from './settings.ts'

const environment = {
  CONNECT_PORT: '18083',
  POSTGRES_PORT: '15432',
  POSTGRES_DATABASE: 'driftlab',
  POSTGRES_REPLICATION_USER: 'a$&b"c',
}
const settings = connectorSettingsSchema.parse({ ...environment, LAB_HOST: '127.0.0.2' })
const binlogSettings = {
  LAB_HOST: '127.0.0.2',
  KAFKA_PORT: '19092',
  MARIADB_PORT: '13306',
  MARIADB_REPLICATION_USER: 'replication',
}

describe('the connector configuration', () => {
  test('has no placeholder left but the password, which the worker itself fills in, and takes values as they are', async () => {
    const config = await readConnectorConfig(settings)
    expect(config['database.port']).toBe('15432')
    expect(config['database.user']).toBe('a$&b"c')
    expect(Object.values(config).filter((value) => value.includes('${'))).toEqual([
      '${env:POSTGRES_REPLICATION_PASSWORD}',
    ])
  })

  test('finds the database at its own name where it has one, and else where everything is', async () => {
    expect((await readConnectorConfig(settings))['database.hostname']).toBe('127.0.0.2')
    const inContainers = connectorSettingsSchema.parse({ ...environment, POSTGRES_HOST: 'postgres' })
    expect((await readConnectorConfig(inContainers))['database.hostname']).toBe('postgres')
  })

  test('of MariaDB has no placeholder left but its password either', async () => {
    const config = await readBinlogConnectorConfig({ ...binlogSettings, MARIADB_PORT: '13306' })
    expect(config).toMatchObject({ 'database.hostname': '127.0.0.2', 'database.port': '13306' })
    expect(Object.values(config).filter((value) => value.includes('${'))).toEqual([
      '${env:MARIADB_REPLICATION_PASSWORD}',
    ])
  })

  test.each([
    ['PostgreSQL', () => readConnectorConfig(settings)],
    ['MariaDB', () => readBinlogConnectorConfig(binlogSettings)],
  ])('of %s never lets a change be skipped or turned into a null', async (_database, read) => {
    expect(await read()).toMatchObject({
      'exactly.once.support': 'required',
      'skipped.operations': 'none',
      'errors.tolerance': 'none',
      'event.processing.failure.handling.mode': 'fail',
      'event.converting.failure.handling.mode': 'fail',
    })
  })

  test('a placeholder without a setting is an error that names both', () => {
    expect(() => fillPlaceholders({ 'slot.name': '${NOWHERE}' }, {})).toThrow(/slot\.name wants \$\{NOWHERE\}/)
  })
})
