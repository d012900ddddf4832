import { readFile } from 'node:fs/promises'
import { describe, expect, test } from '@jest/globals'
import { onCluster, readStatements } from './sql-template.ts'

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

describe('onCluster', () => {
  test.each(['cdc', 'dual-write'])(
    'every statement of lane %s runs on each replica, and every table is replicated',
    async (lane) => {
      const sql = await readFile(new URL(`lane-${lane}.sql`, import.meta.url), 'utf8')
      const statements = readStatements(sql, { database: { name: 'd' } }).map((statement) => onCluster(statement, 'c'))
      for (const statement of statements) expect(statement).toContain("ON CLUSTER 'c'")
      const tables = statements.filter((statement) => statement.startsWith('CREATE TABLE'))
      expect(tables.length).toBeGreaterThan(0)
      for (const table of tables) expect(table).toMatch(/^ENGINE = Replicated\w*MergeTree/m)
    },
  )

  test('leaves users and grants alone', () => {
    expect(onCluster("CREATE USER IF NOT EXISTS u IDENTIFIED BY 'p'", 'c')).not.toContain('CLUSTER')
  })
})
