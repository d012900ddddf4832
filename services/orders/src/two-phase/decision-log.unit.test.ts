import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openDecisionLog } from './decision-log.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'decisions-'))
})
afterAll(() => rm(folder, { recursive: true }))

const file = (name: string): string => join(folder, name)

test('a decision outlives the process that made it, until it is forgotten', async () => {
  const first = openDecisionLog(file('reopened'))
  await Promise.all(['a', 'b', 'c'].map((name) => first.decide(name)))
  expect(['a', 'c', 'd'].map((name) => first.has(name))).toEqual([true, true, false])
  first.forget(['b'])
  first.close()

  const second = openDecisionLog(file('reopened'))
  expect(second.coordinator).toBe(first.coordinator)
  expect(second.decided().toSorted()).toEqual(['a', 'c'])
  second.close()
})

test('what was acknowledged before kill -9 is there after it', async () => {
  const script = file('decide-for-ever.ts')
  await writeFile(
    script,
    `import { openDecisionLog } from ${JSON.stringify(join(import.meta.dirname, 'decision-log.ts'))}
     const log = openDecisionLog(${JSON.stringify(file('killed'))})
     for (let at = 0; ; at += 1) {
       await log.decide(String(at))
       process.stdout.write(at + '\\n')
     }`,
  )
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    if (said.includes('50\n')) child.kill('SIGKILL')
  })
  await once(child, 'close')
  const acknowledged = said.split('\n').slice(0, -1)

  const log = openDecisionLog(file('killed'))
  expect(acknowledged.filter((name) => !log.has(name))).toEqual([])
  expect(acknowledged.length).toBeGreaterThan(50)
  log.close()
})

test('one process has the log at a time', () => {
  const log = openDecisionLog(file('shared'))
  expect(() => openDecisionLog(file('shared'))).toThrow('database is locked')
  log.close()
  openDecisionLog(file('shared')).close()
})

test('a file that was cut off anywhere opens, with the first decisions and no other', async () => {
  const log = openDecisionLog(file('whole'))
  const names = Array.from({ length: 8 }, (_, at) => String(at))
  for (const name of names) await log.decide(name)
  // Before the close, which moves the journal into the file.
  await copyFile(file('whole'), file('cut'))
  const journal = await readFile(`${file('whole')}-wal`)
  log.close()

  const seen = new Set<number>()
  for (let length = journal.length; length > journal.length / 2; length -= 509) {
    await copyFile(file('cut'), file('copy'))
    await writeFile(`${file('copy')}-wal`, journal)
    await truncate(`${file('copy')}-wal`, length)
    const copy = openDecisionLog(file('copy'))
    const left = copy.decided().toSorted()
    copy.close()
    expect(left).toEqual(names.slice(0, left.length))
    seen.add(left.length)
  }
  expect(seen.size).toBeGreaterThan(3)
})
