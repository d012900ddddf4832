import { expect, test } from '@jest/globals'
import { z } from 'zod'
import { ConfigError, loadConfig, portSchema } from './config.ts'

const schema = z.object({ PORT: portSchema, STORE_URL: z.url(), LANE: z.string().default('cdc') })

function refusal(environment: Readonly<Record<string, string>>): string {
  try {
    loadConfig(schema, environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('it was accepted')
}

test('a good environment becomes typed, with defaults, and cannot be changed', () => {
  const config = loadConfig(schema, { PORT: '8080', STORE_URL: 'http://127.0.0.1:1', OTHER: 'ignored' })
  expect(config).toEqual({ PORT: 8080, STORE_URL: 'http://127.0.0.1:1', LANE: 'cdc' })
  expect(Object.isFrozen(config)).toBe(true)
})

test('every variable that is missing, empty or wrong is named', () => {
  expect(refusal({})).toMatch(/PORT: is missing[^]*STORE_URL: is missing/)
  expect(refusal({ PORT: '', STORE_URL: 'http://127.0.0.1:1' })).toContain('PORT: is missing')
  expect(refusal({ PORT: '70000', STORE_URL: 'http://127.0.0.1:1' })).toMatch(/PORT: .*65535/)
})

test('the message never repeats a value, which may be a secret', () => {
  expect(refusal({ PORT: '1', STORE_URL: 'hunter2' })).not.toContain('hunter2')
})
