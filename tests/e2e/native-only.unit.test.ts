import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { nativeOnly } from './native-only.ts'

const containers = readFileSync(join(import.meta.dirname, '../compose/containers.compose.test.ts'), 'utf8')

test('every end-to-end test runs in containers too, or is known not to', () => {
  const natively = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.e2e.test.ts'))
  const absent = natively.filter((name) => !containers.includes(`'../e2e/${name.replace('.e2e.test.ts', '.ts')}'`))
  expect(nativeOnly.map(({ path }) => path)).toEqual(absent.map((name) => `tests/e2e/${name}`))
})
