/** The life of a process, seen from outside: how it ends is what supervisors and pipes rely on. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'

const imports = `
  import { runJob, runService } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
  import { z } from 'zod'
  const shared = { environment: process.env, schema: z.object({ WANTED: z.string() }) }`

const service = `${imports}
  await runService({
    ...shared,
    name: 'ticking',
    start: async ({ logger, fail }) => {
      const timer = setInterval(() => logger.info('tick'), 20)
      if (process.env.BREAKS) fail(new Error('a bug'))
      return { stop: async () => clearInterval(timer) }
    },
  })`

const job = `${imports}
  await runJob({
    ...shared,
    name: 'filling',
    run: async ({ WANTED }, report) => {
      report('filled with ' + WANTED)
      if (process.env.BREAKS) throw new Error('it did not fit', { cause: new Error('the store is full') })
    },
    hint: 'Is there room?',
  })`

function start(script: string, environment: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: import.meta.dirname,
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function textOf(stream: Readable | null): Promise<string> {
  if (stream === null) throw new Error('no output')
  return text(stream)
}

async function exitOf(child: ChildProcess): Promise<unknown> {
  const [code] = (await once(child, 'exit', { signal: AbortSignal.timeout(10_000) })) as [number | null]
  return code
}

test.each([
  ['service', service],
  ['job', job],
])('a missing variable ends a %s with 78 and is named', async (_kind, script) => {
  const child = start(script, {})
  const [said, code] = await Promise.all([textOf(child.stderr), exitOf(child)])
  expect(code).toBe(78)
  expect(said).toContain('WANTED: is missing')
})

test('SIGTERM drains a service and ends it with 0', async () => {
  const child = start(service, { WANTED: 'yes' })
  if (child.stdout === null) throw new Error('no output')
  await once(child.stdout, 'data')
  child.stdout.resume()
  child.kill('SIGTERM')
  expect(await exitOf(child)).toBe(0)
})

test('a bug that is reported ends a service with 1', async () => {
  const child = start(service, { WANTED: 'yes', BREAKS: 'yes' })
  child.stdout?.resume()
  expect(await exitOf(child)).toBe(1)
})

test('a service does not go on unseen when nobody reads its log any more', async () => {
  const child = start(service, { WANTED: 'yes' })
  if (child.stdout === null) throw new Error('no output')
  await once(child.stdout, 'data')
  child.stdout.destroy()
  expect(await exitOf(child)).toBe(1)
})

test('a job ends with 0 when it is done, and what it reports is told in plain text', async () => {
  const child = start(job, { WANTED: 'water' })
  const [said, code] = await Promise.all([textOf(child.stdout), exitOf(child)])
  expect(code).toBe(0)
  expect(said).toBe('filling: filled with water\n')
})

test('a job that fails ends with 1: the error, its cause, and last what to look at', async () => {
  const child = start(job, { WANTED: 'water', BREAKS: 'yes' })
  const [said, code] = await Promise.all([textOf(child.stderr), exitOf(child)])
  expect(code).toBe(1)
  expect(said).toMatch(/Error: it did not fit[^]*the store is full[^]*\nfilling failed\. Is there room\?\n$/u)
})
