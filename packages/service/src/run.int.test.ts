/** The life of a process, seen from outside: how it ends is what supervisors and pipes rely on. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from '@jest/globals'

const script = `
  import { runService } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
  import { z } from 'zod'
  await runService({
    name: 'ticking',
    environment: process.env,
    schema: z.object({ WANTED: z.string() }),
    start: async ({ logger, fail }) => {
      const timer = setInterval(() => logger.info('tick'), 20)
      if (process.env.BREAKS) fail(new Error('a bug'))
      return { stop: async () => clearInterval(timer) }
    },
  })`

function start(environment: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: import.meta.dirname,
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function exitOf(child: ChildProcess): Promise<unknown> {
  const [code] = (await once(child, 'exit', { signal: AbortSignal.timeout(10_000) })) as [number | null]
  return code
}

test('a missing variable ends it with 78 and is named', async () => {
  const child = start({})
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  expect(await exitOf(child)).toBe(78)
  expect(said).toContain('WANTED: is missing')
})

test('SIGTERM drains it and ends it with 0', async () => {
  const child = start({ WANTED: 'yes' })
  if (child.stdout === null) throw new Error('no output')
  await once(child.stdout, 'data')
  child.stdout.resume()
  child.kill('SIGTERM')
  expect(await exitOf(child)).toBe(0)
})

test('a bug that is reported ends it with 1', async () => {
  const child = start({ WANTED: 'yes', BREAKS: 'yes' })
  child.stdout?.resume()
  expect(await exitOf(child)).toBe(1)
})

test('it does not go on unseen when nobody reads its log any more', async () => {
  const child = start({ WANTED: 'yes' })
  if (child.stdout === null) throw new Error('no output')
  await once(child.stdout, 'data')
  child.stdout.destroy()
  expect(await exitOf(child)).toBe(1)
})
