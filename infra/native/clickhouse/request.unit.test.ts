import { describe, expect, test } from '@jest/globals'
import { EngineError, errorText, httpStatus, parseEngineError } from './engine-error.ts'
import { isGroupable } from './insert-queue.ts'
import { parseRequest } from './request.ts'
import type { Insert } from './statement.ts'

const url = (search: string): URL => new URL(`http://front/${search}`)

describe('parseRequest', () => {
  test('tells settings, query parameters and its own parameters apart', () => {
    const request = parseRequest(
      url('?query=select+1&database=cdc&param_id=a%09b&max_threads=2&query_id=q&session_id=s&wait_end_of_query=1'),
      {},
    )
    expect(request).toMatchObject({
      query: 'select 1',
      database: 'cdc',
      queryId: 'q',
      sessionId: 's',
      settings: { max_threads: '2' },
      parameters: { id: 'a\tb' },
    })
    expect(Object.keys(request.settings)).toEqual(['max_threads'])
  })

  test('takes credentials from its headers, then basic authentication, then the address', () => {
    const basic = { authorization: `Basic ${Buffer.from('b:p:q').toString('base64')}` }
    expect(parseRequest(url('?user=c&password=d'), { ...basic, 'x-clickhouse-user': 'a' }).credentials.user).toBe('a')
    expect(parseRequest(url('?user=c&password=d'), basic).credentials).toEqual({ user: 'b', password: 'p:q' })
    expect(parseRequest(url('?user=c&password=d'), {}).credentials).toEqual({ user: 'c', password: 'd' })
    expect(parseRequest(url(''), {}).credentials).toEqual({ user: 'default', password: '' })
  })

  test('names what it does not speak instead of answering something else', () => {
    expect(() => parseRequest(url('?compress=1'), {})).toThrow(/compress=1/)
  })
})

describe('errors', () => {
  test('keep code, message and type on their way from the engine to the client', () => {
    const error = parseEngineError(new Error('Code: 60. DB::Exception: Table a.b (x) does not exist. (UNKNOWN_TABLE)'))
    expect(error).toMatchObject({ code: 60, type: 'UNKNOWN_TABLE', message: 'Table a.b (x) does not exist.' })
    expect(errorText(error, '26.7')).toMatch(
      /^Code: 60\. DB::Exception: Table a\.b \(x\) does not exist\. \(UNKNOWN_TABLE\)/,
    )
    expect(httpStatus(error.code)).toBe(404)
  })

  test('an error in an unknown shape is still an error with its text', () => {
    const error = parseEngineError(new Error('boom'))
    expect(error).toBeInstanceOf(EngineError)
    expect(error).toMatchObject({ code: 1002, message: 'boom' })
  })
})

describe('isGroupable', () => {
  const insert: Insert = {
    sourceOffset: 0,
    source: { kind: 'data', format: 'JSONEachRow', dataOffset: 0 },
  }

  test.each([
    ['{"a":1}\n\n{"a":2}\n', true],
    ['{"a":1', false],
    ['{"a":1}\n{"a":', false],
    ['[{"a":1}]', false],
    ['{"a":1}{"a":2}', false],
    ['', false],
  ])('only whole rows are put together with those of others: %j', (data, expected) => {
    expect(isGroupable(insert, Buffer.from(data))).toBe(expected)
  })
})
