import { describe, expect, test } from '@jest/globals'
import { entityTag, matches, parseIfMatch } from './preconditions.ts'

const holds = (header: string | undefined, revision: number): boolean | 'malformed' => {
  const condition = parseIfMatch(header)
  return condition === undefined ? 'malformed' : matches(condition, revision)
}

describe('If-Match', () => {
  test.each([
    [undefined, true],
    ['*', true],
    [entityTag(3), true],
    ['"4"', false],
    ['"1", "3"', true],
    ['"1","2"', false],
    ['"other"', false],
    ['W/"3"', false],
    ['W/"3", "3"', true],
  ])('%s on revision 3: %s', (header, expected) => {
    expect(holds(header, 3)).toBe(expected)
  })

  test.each(['', '3', '"3', '3"', '*, "3"', '"3" "3"', "'3'", 'W/3', '"3",', '"1, 3"'])('%s is malformed', (header) => {
    expect(holds(header, 3)).toBe('malformed')
  })

  test('a hostile header is answered at once', () => {
    const startedMs = performance.now()
    holds(`${'"1", '.repeat(3_000)}x`, 3)
    expect(performance.now() - startedMs).toBeLessThan(200)
  })
})
