/** Drives one real component, the cheapest one, through everything that can be done to it. */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openLab, type OpenedLab } from './open.ts'
import { findFreePort } from './ports.ts'

let folder = ''
let opened: OpenedLab

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'driftlab-runtime-'))
  // A temporary folder is its owner's alone; then the runtime would keep its data elsewhere.
  await chmod(folder, 0o755)
  await writeFile(join(folder, '.env'), `REDIS_PORT=${await findFreePort('127.0.0.1')}\n`)
  opened = await openLab({ LAB_DIR: join(folder, 'lab'), LAB_ENV_FILE: join(folder, '.env') })
})

afterAll(async () => {
  await opened.lab.stop()
  await rm(folder, { recursive: true, force: true })
})

async function redis() {
  const status = (await opened.lab.status()).find(({ name }) => name === 'redis')
  if (status === undefined) throw new Error('no status for redis')
  return status
}

describe('the native laboratory, with Redis', () => {
  test('starts what is named, and adopts it the second time', async () => {
    await opened.lab.start(['redis'])
    const first = await redis()
    expect(first.state).toBe('ready')

    const steps: string[] = []
    await opened.lab.start(['redis'], { onProgress: (_name, { step }) => steps.push(step) })
    expect(steps).toContain('adopted')
    expect((await redis()).pid).toBe(first.pid)
  })

  test('refuses a start on a taken port, and starts nothing', async () => {
    const other = await openLab({ LAB_DIR: join(folder, 'other'), LAB_ENV_FILE: join(folder, '.env') })
    await expect(other.lab.start(['redis'])).rejects.toMatchObject({ code: 'port-taken' })
  })

  test('pauses and resumes', async () => {
    await opened.lab.pause('redis')
    expect((await redis()).state).toBe('paused')
    await opened.lab.resume('redis')
    expect((await redis()).state).toBe('ready')
  })

  test('kills with -9, tells so, and starts anew', async () => {
    const { pid } = await redis()
    await opened.lab.kill('redis')
    expect((await redis()).state).toBe('failed')
    await opened.lab.start(['redis'])
    expect(await redis()).toMatchObject({ state: 'ready' })
    expect((await redis()).pid).not.toBe(pid)
  })

  test('restarts, and stops a paused component as well', async () => {
    const { pid } = await redis()
    await opened.lab.restart('redis')
    expect((await redis()).pid).not.toBe(pid)
    await opened.lab.pause('redis')
    await opened.lab.stop(['redis'])
    expect((await redis()).state).toBe('stopped')
  })

  test('stops what it started when the start is interrupted', async () => {
    const interrupt = new AbortController()
    const starting = opened.lab.start(['redis'], {
      signal: interrupt.signal,
      onProgress: (_name, { step }) => {
        if (step === 'starting') interrupt.abort()
      },
    })
    await expect(starting).rejects.toMatchObject({ code: 'interrupted' })
    expect((await redis()).state).toBe('stopped')
  })

  test('says why a process died, with its last lines and its log', async () => {
    const spoiled = await openLab({ LAB_DIR: join(folder, 'spoiled'), LAB_ENV_FILE: join(folder, '.env') })
    const journal = join(spoiled.layout.dataDir, 'redis/appendonlydir')
    await mkdir(journal, { recursive: true })
    await writeFile(join(journal, 'appendonly.aof.manifest'), 'no manifest\n')
    await expect(spoiled.lab.start(['redis'])).rejects.toMatchObject({
      code: 'process-died',
      message: expect.stringMatching(/redis died[^]*manifest[^]*redis\.log/u),
    })
    expect(await spoiled.lab.logTail('redis')).toContain('manifest')
  })

  test('refuses a second instance of what keeps data', async () => {
    await opened.lab.start(['redis'])
    await expect(opened.lab.scale('redis', 2)).rejects.toMatchObject({ code: 'not-scalable' })
    await expect(opened.lab.kill('redis', 2)).rejects.toMatchObject({ code: 'not-ready' })
    expect(await redis()).toMatchObject({ state: 'ready', instance: 1 })
  })

  test('keeps passwords out of its records', async () => {
    await opened.lab.start(['redis'])
    const record = await readFile(join(folder, 'lab/state/redis.json'), 'utf8')
    expect(record).not.toContain(opened.settings.REDIS_ADMIN_PASSWORD)
  })
})

describe('the native laboratory that these tests run on', () => {
  const name = 'orders-cdc-1'

  test('runs as many instances of a service as it is told, each with an address of its own', async () => {
    const { lab } = await openLab()
    const states = async () => (await lab.status()).filter((status) => status.name === name).map(({ state }) => state)
    try {
      await lab.scale(name, 3)
      const urls = [1, 2, 3].map((instance) => lab.address(name, instance).url)
      expect(new Set(urls).size).toBe(3)
      for (const url of urls) expect((await fetch(`${url}/ready`)).status).toBe(200)

      await lab.pause(name, 2)
      await lab.kill(name, 3)
      expect(await states()).toEqual(['ready', 'paused', 'failed'])

      await lab.scale(name, 3)
      expect(await states()).toEqual(['ready', 'paused', 'ready'])
      await lab.scale(name, 1)
      expect(await states()).toEqual(['ready'])
      await expect(fetch(urls[1] ?? '')).rejects.toThrow()
    } finally {
      await lab.scale(name, 1)
    }
  }, 60_000)
})
