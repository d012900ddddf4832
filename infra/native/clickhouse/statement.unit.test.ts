import { describe, expect, test } from '@jest/globals'
import {
  areLiteralRows,
  hasDoubtfulSemicolon,
  parseStatement,
  StatementError,
  subqueryNames,
  tokenize,
  type Insert,
} from './statement.ts'

function insertOf(sql: string): Insert {
  const statement = parseStatement(sql)
  if (statement.kind !== 'insert') throw new Error(`not an insert: ${statement.kind}`)
  return statement.insert
}

describe('tokenize', () => {
  test('takes nothing inside strings, quoted names, heredocs and comments for syntax', () => {
    const sql = `select 'a;''b\\';', "c;", \`d;\`, $x$;'$x$ -- ;\n/* ; */ # ;\n, 1`
    const symbols = [...tokenize(sql)].filter(({ kind }) => kind === 'symbol').map(({ value }) => value)
    expect(symbols).toEqual([',', ',', ',', ','])
  })

  test('undoes the escapes of a string', () => {
    expect([...tokenize(`'it''s \\'so\\'\\n'`)][0]?.value).toBe("it's 'so'\n")
  })

  test('refuses a quote that is never closed', () => {
    expect(() => [...tokenize("select 'a")]).toThrow(StatementError)
  })
})

describe('parseStatement', () => {
  test('finds the verb and the format of a query', () => {
    expect(parseStatement('/* hi */ SELECT 1 FORMAT JSONEachRow;')).toEqual({
      kind: 'query',
      verb: 'select',
      format: 'JSONEachRow',
    })
  })

  test('an empty text or only comments is an empty statement', () => {
    expect(parseStatement(' -- nothing\n').kind).toBe('empty')
  })

  test.each([
    'select 1; drop table t',
    'insert into t values (1); drop table t',
    "insert into t values ('a;b'); insert into t values (2)",
    "select ‘ ' ’; select 2 --'",
    Buffer.from("select ‘ ' ’; select 2 --'").toString('latin1'),
    "select 1 //'\n; select 2 --'",
    "select 1 #!'\n; select 2 --'",
    'insert into t select 1; drop table t',
  ])('a second statement never passes: %s', (sql) => {
    expect(() => parseStatement(sql)).toThrow(/Multi-statements/)
  })

  test('a closing semicolon is no second statement', () => {
    expect(parseStatement('select 1 ; -- the end').kind).toBe('query')
  })

  test('files of the server are out of reach', () => {
    expect(() => parseStatement("select 1 into outfile '/tmp/x'")).toThrow(/INTO OUTFILE/)
    expect(() => parseStatement("insert into t from infile '/etc/passwd' format CSV")).toThrow(/FROM INFILE/)
  })
})

describe('an INSERT', () => {
  test('is cut where its data begins, whatever the data holds', () => {
    const head = 'INSERT INTO cdc.orders (id, `format`) FORMAT JSONEachRow\n'
    const insert = insertOf(`${head}{"id":"; drop table t'"}`)
    expect(insert).toMatchObject({
      source: { kind: 'data', format: 'JSONEachRow', dataOffset: head.length },
    })
  })

  test('knows where FROM INFILE would go: behind the columns, before the settings', () => {
    const sql = 'INSERT INTO t (a, b) SETTINGS max_threads = 1 FORMAT CSV'
    expect(sql.slice(0, insertOf(sql).sourceOffset)).toBe('INSERT INTO t (a, b) ')
  })

  test.each([
    ['insert into t values (1)', 'values'],
    ['insert into t format Values (1)', 'values'],
    ['insert into t select 1', 'select'],
    ['insert into t with 1 as x select x', 'select'],
    ["insert into t select a from input('a UInt8') format CSV 1", 'selectFromData'],
  ])('%s takes its rows from %s', (sql, kind) => {
    expect(insertOf(sql).source.kind).toBe(kind)
  })
})

test('names of WITH subqueries are told', () => {
  expect([...subqueryNames('with a as (select 1), `b c` as (select 2) select 1 as d from a')]).toEqual(['a', 'b c'])
})

test('rows behind VALUES are told from expressions', () => {
  expect(areLiteralRows("(1, 'select', NULL, now64(9), [1, 2]), (-1, 1e3, true, toUUID('x'), ())")).toBe(true)
  expect(areLiteralRows('((SELECT max(id) FROM secret.t))')).toBe(false)
  expect(areLiteralRows("(dictGet('d', 'a', 1))")).toBe(false)
})

test('a semicolon is doubtful only where the engine might read the text otherwise', () => {
  expect(hasDoubtfulSemicolon('select \'a;b\', ";"')).toBe(false)
  expect(hasDoubtfulSemicolon("select 'a;b' // '")).toBe(true)
  expect(hasDoubtfulSemicolon('select ‘;’, 1')).toBe(true)
  expect(hasDoubtfulSemicolon("select 'a\\';b'")).toBe(true)
  expect(hasDoubtfulSemicolon('select 1 -- no more ;\n ; ')).toBe(false)
})
