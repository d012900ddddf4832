import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { z } from 'zod'
import { ConfigError, loadConfig, portSchema, withLabSettings } from './config.ts'

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

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secrets-'))
  await writeFile(join(folder, 'STORE_URL'), 'http://store:1\n')
  await writeFile(join(folder, 'notes.txt'), 'not a variable')
})
afterAll(() => rm(folder, { recursive: true }))

test('what the environment leaves out is read from the folder of secrets, and only that', () => {
  expect(loadConfig(schema, { PORT: '1', SECRETS_DIR: folder }).STORE_URL).toBe('http://store:1')
  expect(loadConfig(schema, { PORT: '1', SECRETS_DIR: folder, STORE_URL: '' }).STORE_URL).toBe('http://store:1')
  expect(loadConfig(schema, { PORT: '1', SECRETS_DIR: folder, STORE_URL: 'http://other:2' }).STORE_URL).toBe(
    'http://other:2',
  )
})

test('a secret that is missing is named with the folder where it was looked for', () => {
  expect(refusal({ SECRETS_DIR: folder })).toContain(`PORT: is missing, and ${folder} has no such file`)
  expect(refusal({ PORT: '1', SECRETS_DIR: join(folder, 'none') })).toMatch(/SECRETS_DIR: .*no such file/)
})

test('a settings file may be absent, and the environment goes before it', async () => {
  expect(withLabSettings({ A: '1', B: '' }, 'no such file')).toEqual({ A: '1' })
  const file = join(folder, '.env')
  await writeFile(file, 'A=file\nB=file\n')
  expect(withLabSettings({ A: '1', B: '' }, file)).toEqual({ A: '1', B: 'file' })
})
