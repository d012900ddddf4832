import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { z } from 'zod'
import { openHistory, readHistory } from './index.ts'

const schema = z.object({ key: z.string(), at: z.number() })

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'history-'))
  file = join(folder, 'deep', 'history.jsonl')
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

test('what was recorded is read back, in its order', async () => {
  const entries = Array.from({ length: 5_000 }, (_, at) => ({ key: 'line\nbreak', at }))
  const history = await openHistory(file, schema)
  for (const entry of entries) history.record(entry)
  await history.close()
  expect(await readHistory(file, schema)).toEqual(entries)
})

test('a new history replaces the old one', async () => {
  for (const at of [1, 2]) {
    const history = await openHistory(file, schema)
    history.record({ key: 'a', at })
    await history.close()
  }
  expect(await readHistory(file, schema)).toEqual([{ key: 'a', at: 2 }])
})

test('an entry of another shape is refused when it is recorded', async () => {
  const history = await openHistory(file, schema)
  expect(() => {
    history.record({ key: 'a', at: Number.NaN })
  }).toThrow(z.ZodError)
  await history.close()
})

test.each(['{"key":"a"', '{"key":"a","at":"late"}'])('a line that is no entry, %s, is named', async (line) => {
  const history = await openHistory(file, schema)
  history.record({ key: 'a', at: 1 })
  await history.close()
  await appendFile(file, `${line}\n`)
  await expect(readHistory(file, schema)).rejects.toThrow('Line 2 of the history is not an entry')
})

test('a history that cannot be written fails its run, at the latest when it is closed', async () => {
  const history = await openHistory(folder, schema)
  history.record({ key: 'a', at: 1 })
  await expect(history.close()).rejects.toThrow()
})
