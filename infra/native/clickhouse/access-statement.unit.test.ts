import { describe, expect, test } from '@jest/globals'
import { parseAccessStatement } from './access-statement.ts'

describe('parseAccessStatement', () => {
  test('reads a user with a password and settings', () => {
    const sql = `CREATE USER IF NOT EXISTS orders IDENTIFIED WITH sha256_password BY 'it\\'s' SETTINGS a = 'b', c = 1`
    expect(parseAccessStatement(sql)).toEqual({
      kind: 'createUser',
      user: 'orders',
      ifExists: 'keep',
      definition: { password: "it's", settings: { a: 'b', c: '1' } },
    })
  })

  test('reads grants on a database, a table and everything', () => {
    const target = (sql: string): unknown => parseAccessStatement(sql)
    expect(target('GRANT SELECT, INSERT ON cdc.* TO loader')).toEqual({
      kind: 'grant',
      privileges: ['SELECT', 'INSERT'],
      target: { database: 'cdc', table: '*' },
      user: 'loader',
    })
    expect(target('REVOKE ALL ON *.* FROM `an auditor`;')).toMatchObject({
      kind: 'revoke',
      target: { database: '*', table: '*' },
      user: 'an auditor',
    })
  })

  test('other statements are none of its business', () => {
    expect(parseAccessStatement('CREATE TABLE user (a UInt8) ENGINE = Memory')).toBeUndefined()
    expect(parseAccessStatement('SHOW TABLES')).toBeUndefined()
  })

  test.each([
    "CREATE USER a IDENTIFIED WITH sha256_password BY 'x' HOST ANY",
    'GRANT SELECT(id) ON a.b TO c',
    'GRANT a_role TO c',
    'GRANT SELECT ON a.* TO c WITH GRANT OPTION',
    'GRANT DROP ON a.* TO c',
  ])('what it would only half obey is refused: %s', (sql) => {
    expect(() => parseAccessStatement(sql)).toThrow(/do not know/)
  })
})
