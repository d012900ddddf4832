import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { generatePasswords, missingLines, parseEnvironmentFile, parseSettings } from './settings.ts'

const example = readFileSync(join(import.meta.dirname, '../../../.env.example'), 'utf8')

function fromExample(change: (text: string) => string = (text) => text): string {
  return change(generatePasswords(example))
}

describe('the settings file', () => {
  test('made from .env.example is valid, and every password is another one', () => {
    const settings = parseSettings(fromExample(), '.env')
    const passwords = Object.entries(settings).filter(([name]) => name.endsWith('_PASSWORD'))
    expect(passwords.length).toBeGreaterThan(10)
    expect(new Set(passwords.map(([, password]) => password)).size).toBe(passwords.length)
    for (const [, password] of passwords) expect(password).toMatch(/^[0-9a-f]{48}$/u)
  })

  test('keeps what it has when variables are added', () => {
    const current = fromExample((text) => text.replace(/^REDIS_PORT=.*\n/mu, ''))
    const added = missingLines(current, example)
    expect(added).toBe('REDIS_PORT=16379\n')
    expect(missingLines(current + added, example)).toBe('')
  })

  test('gives an added password a value', () => {
    const current = fromExample((text) => text.replace(/^REDIS_ORDERS_PASSWORD=.*\n/mu, ''))
    expect(missingLines(current, example, () => 'fresh')).toBe('REDIS_ORDERS_PASSWORD=fresh\n')
  })

  test('with bad values is refused, naming each variable and leaving secrets out', () => {
    const text = fromExample((good) =>
      good
        .replace(/^POSTGRES_PORT=.*$/mu, 'POSTGRES_PORT=99999')
        .replace(/^REDIS_ORDERS_PASSWORD=.*$/mu, "REDIS_ORDERS_PASSWORD=has'quote"),
    )
    expect(() => parseSettings(text, '.env')).toThrow(
      /POSTGRES_PORT: must be a port[^]*REDIS_ORDERS_PASSWORD: must be/u,
    )
    expect(() => parseSettings(text, '.env')).not.toThrow(/has'quote/u)
  })

  test('that gives one port to two components is refused, naming both', () => {
    const text = fromExample((good) => good.replace(/^REDIS_PORT=.*$/mu, 'REDIS_PORT=15432'))
    expect(() => parseSettings(text, '.env')).toThrow(/POSTGRES_PORT, REDIS_PORT: all are 15432/u)
  })

  test('may hold comments, blank lines, export and quotes', () => {
    const values = parseEnvironmentFile('# a comment\n\nexport ONE=1\nTWO="2 2"\n  THREE = three\n')
    expect(Object.fromEntries(values)).toEqual({ ONE: '1', TWO: '2 2', THREE: 'three' })
  })
})
