import { existsSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { guardedFiles, guards, type Guard } from './guard-list.ts'

const root = join(import.meta.dirname, '..')

test.each(guards)('the guard "$name" is where the list says, and can be taken out', async (guard) => {
  for (const { path, unguarded } of await guardedFiles(guard, root)) {
    // What is left is a program: it is not by its syntax that the test will fail.
    if (path.endsWith('.ts')) stripTypeScriptTypes(unguarded)
    if (path.endsWith('.json')) JSON.parse(unguarded)
  }
  expect(existsSync(join(root, guard.test.path))).toBe(true)
})

test('a text that is gone, or there twice, is no guard to take out', async () => {
  const [guard] = guards
  const without = (text: string): Promise<unknown> =>
    guardedFiles({ ...(guard as Guard), removal: [{ file: 'package.json', text, replacement: '' }] }, root)
  await expect(without('no such text')).rejects.toThrow('package.json has this text 0 times')
  await expect(without('node ')).rejects.toThrow('times, not once')
})
