import { describe, expect, test } from '@jest/globals'
import { readStatements } from './sql-template.ts'

describe('readStatements', () => {
  test('cuts a file into statements without comments and fills the places', () => {
    const sql =
      '-- a comment; with a semicolon\nCREATE DATABASE ${db};\n\nCREATE USER ${user}\n  IDENTIFIED BY ${password};\n'
    expect(readStatements(sql, { db: { name: 'cdc' }, user: { name: 'u' }, password: { text: "a'b\\c;\n" } })).toEqual([
      'CREATE DATABASE cdc',
      "CREATE USER u\n  IDENTIFIED BY 'a\\'b\\\\c;\n'",
    ])
  })

  test('a name that would need quoting is refused', () => {
    expect(() => readStatements('DROP DATABASE ${db}', { db: { name: 'a; DROP DATABASE b' } })).toThrow(RangeError)
  })

  test('a place that nothing fills is refused', () => {
    expect(() => readStatements('SELECT ${x}', {})).toThrow(/nothing fills/)
  })
})
