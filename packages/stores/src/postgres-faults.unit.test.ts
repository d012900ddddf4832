import { describe, expect, test } from '@jest/globals'
import { databaseFaultOf } from './postgres-faults.ts'

const withCode = (code: string): Error => Object.assign(new Error('x'), { code })

describe('a failure of the database', () => {
  test.each([
    ['22P05', 'refused'],
    ['22003', 'refused'],
    ['23514', 'refused'],
    ['23505', 'refused'],
    ['40001', 'contended'],
    ['40P01', 'contended'],
    ['57014', 'unavailable'],
    ['57P01', 'unavailable'],
    ['57P03', 'unavailable'],
    ['53300', 'unavailable'],
    ['08006', 'unavailable'],
    ['25P03', 'unavailable'],
    ['55P03', 'unavailable'],
    ['ECONNREFUSED', 'unavailable'],
    ['ECONNRESET', 'unavailable'],
    ['42P01', 'bug'],
    ['42501', 'bug'],
    ['XX000', 'bug'],
  ])('%s is %s', (code, kind) => {
    expect(databaseFaultOf(withCode(code))).toBe(kind)
  })

  test('an error without a code comes from the connection, unless it is plainly ours', () => {
    expect(databaseFaultOf(new Error('Connection terminated unexpectedly'))).toBe('unavailable')
    expect(databaseFaultOf(new TypeError('x is not a function'))).toBe('bug')
    expect(databaseFaultOf('text')).toBe('bug')
  })
})
