/**
 * docker-compose.yml, run: from nothing to healthy, hurt while it is written to, audited, and gone without a trace.
 *
 * The tests build on each other, as a day with the stack does; the stack is brought up once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { eventually } from '@driftlab/stores/testing'
import { z } from 'zod'
import type { ComponentName, ComponentState } from '../../infra/native/src/index.ts'
import { startWriter, type Outcomes } from '../e2e/pipeline.ts'
import { openProject, ordersUrls } from './compose-project.ts'

const project = openProject()
const { compose, containers, docker, exec, lab } = project

const jobs = [
  'configure',
  'migrate',
  'kafka-topics',
  'elasticsearch-set-up',
  'clickhouse-set-up',
  'connector',
  'welcome',
]
const sinks = ['cache-updater', 'search-indexer', 'warehouse-loader']
const stores = ['postgres', 'kafka', 'connect', 'redis', 'elasticsearch', 'clickhouse']

/** Those that are neither healthy nor, being jobs, done. */
async function ailing(): Promise<readonly string[]> {
  return (await containers())
    .filter(({ Service, State, Health, ExitCode }) =>
      jobs.includes(Service) ? State !== 'exited' || ExitCode !== 0 : Health !== 'healthy',
    )
    .map(({ Service, State, Health, ExitCode }) => `${Service} is ${State} ${Health} (${ExitCode})`)
}

async function up(...args: readonly string[]): Promise<void> {
  await compose('up', '--detach', ...args)
  await eventually(async () => (await ailing()).length === 0, { deadlineMs: 240_000, what: 'every container is well' })
}

const auditSchema = z.object({
  lanes: z.record(
    z.string(),
    z.object({
      verdict: z.string(),
      sourceRows: z.number(),
      doubts: z.array(z.string()),
      examples: z.array(z.unknown()),
    }),
  ),
})

/** The auditor's exit code says the verdict, and so does its report; only the report is asked. */
async function audit(lane: 'cdc' | 'dual-write') {
  const command = `node services/auditor/src/main.ts --lane ${lane} --json - 2>/dev/null || [ $? -lt 3 ]`
  const report = auditSchema.parse(JSON.parse(await exec('auditor', 'sh', '-c', command)))
  return report.lanes[lane]
}

async function expectConsistent(): Promise<void> {
  const lane = await audit('cdc')
  expect(lane).toMatchObject({ verdict: 'consistent', doubts: [], examples: [] })
  expect(lane?.sourceRows).toBeGreaterThan(20)
}

async function stateOf(name: ComponentName): Promise<ComponentState | undefined> {
  return (await lab.status()).find((component) => component.name === name)?.state
}

/** Writes through the published ports while `strike` happens, and until it goes on well after it. */
async function whileWriting(strike: () => Promise<void>): Promise<Outcomes> {
  const writer = startWriter(ordersUrls.cdc)
  try {
    await eventually(() => writer.outcomes().ok > 50, { deadlineMs: 30_000, what: 'the writer is under way' })
    await strike()
    const before = writer.outcomes().ok
    await eventually(() => writer.outcomes().ok > before + 50, { deadlineMs: 60_000, what: 'writes go on' })
  } finally {
    await writer.stop()
  }
  return writer.outcomes()
}

beforeAll(async () => {
  await compose('--profile', '*', 'down', '--volumes', '--remove-orphans')
  await up()
}, 400_000)

afterAll(async () => {
  await compose('--profile', '*', 'down', '--volumes', '--remove-orphans')
}, 120_000)

test('compose accepts the file, with every profile', async () => {
  await compose('--profile', '*', 'config', '--quiet')
})

describe('a stack that has just come up', () => {
  test('says where it is', async () => {
    const text = await compose('logs', '--no-log-prefix', 'welcome')
    for (const url of [...ordersUrls.cdc, ...ordersUrls['dual-write']]) expect(text).toContain(url)
  })

  test('carries every change to every store', async () => {
    const { ok, failed } = await whileWriting(() => sleep(3_000))
    expect({ failed, written: ok > 100 }).toEqual({ failed: 0, written: true })
    await expectConsistent()
  }, 180_000)

  test('drifts in the other lane, by nothing but the load', async () => {
    // Thresholds are about speed, which is not asked for here.
    const load = openProject({ LANE: 'dual-write', DURATION: '10s' })
    await load.compose('run', '--rm', '-T', '--no-deps', '-e', 'K6_NO_THRESHOLDS=true', 'k6')
    const lane = await audit('dual-write')
    expect(lane?.sourceRows).toBeGreaterThan(100)
    expect(lane?.verdict).toBe('diverged')
  }, 180_000)
})

describe('hardening', () => {
  test('no process is root, and none can write where it does not keep data', async () => {
    for (const service of [...stores, ...sinks, 'orders-cdc', 'orders-dual-write', 'auditor']) {
      expect(`${service} ${await exec(service, 'id', '-u')}`).toMatch(/ [1-9]\d*$/)
      await expect(exec(service, 'sh', '-c', 'echo x > /etc/written')).rejects.toThrow(/read-only file system/i)
    }
  }, 120_000)

  test('nobody on the edge can so much as name a store, and no store has a way out', async () => {
    const look = `require('node:dns').promises.lookup(process.argv[1]).then(() => process.exit(3), (e) => console.log(e.code))`
    for (const store of stores) {
      const network = `${project.name}_edge`
      const answer = await docker(
        'run',
        '--rm',
        '--network',
        network,
        'driftlab/services:0.1.0',
        'node',
        '-e',
        look,
        store,
      )
      expect(answer).toMatch(/ENOTFOUND|EAI_AGAIN/)
    }
    const networks = await docker('network', 'inspect', '--format', '{{.Internal}}', `${project.name}_stores`)
    expect(networks).toBe('true')
  }, 120_000)

  test('no secret shows in what the engine tells of a container', async () => {
    const passwords = await compose(
      'run',
      '--rm',
      '-T',
      '--no-deps',
      'configure',
      'cat',
      '/configuration/passwords/settings.env',
    )
    const secrets = [...passwords.matchAll(/^\w+_PASSWORD=(\S+)$/gm)].map(([, password]) => password ?? '')
    expect(secrets.length).toBeGreaterThan(10)
    const ids = (await compose('ps', '--all', '--quiet')).split('\n')
    const told = await docker('inspect', ...ids)
    expect(secrets.filter((secret) => told.includes(secret))).toEqual([])
  }, 60_000)
})

describe('no key diverges', () => {
  test('after a restart of each sink', async () => {
    await whileWriting(async () => {
      await compose('restart', ...sinks)
    })
    await expectConsistent()
  }, 240_000)

  test('after a restart of Connect, and one of Kafka', async () => {
    await whileWriting(async () => {
      await compose('restart', 'connect')
      await compose('restart', 'kafka')
    })
    await expectConsistent()
  }, 240_000)

  test('after a kill -9 of a sink, which comes back by itself', async () => {
    const killed = `for p in /proc/[0-9]*; do if tr '\\0' ' ' < $p/cmdline | grep -q '^node '; then kill -9 \${p#/proc/}; fi; done`
    await whileWriting(async () => {
      await exec('cache-updater', 'bash', '-c', killed)
      await eventually(async () => (await ailing()).length > 0, { deadlineMs: 20_000, what: 'it was seen to be gone' })
      await eventually(async () => (await ailing()).length === 0, { deadlineMs: 60_000, what: 'it came back' })
    })
    await expectConsistent()
  }, 240_000)

  test('while a sink is scaled to three instances and back', async () => {
    await whileWriting(async () => {
      await up('--no-recreate', '--scale', 'cache-updater=3')
      await up('--no-recreate', '--scale', 'cache-updater=1')
    })
    await expectConsistent()
  }, 300_000)

  test('after everything went down and came up again, with what it held', async () => {
    const before = await audit('cdc')
    await compose('down')
    await up()
    const after = await audit('cdc')
    expect(after?.sourceRows).toBe(before?.sourceRows)
    await expectConsistent()
  }, 400_000)
})

describe('the laboratory', () => {
  test('kills what stays down until it is started again, and the store misses nothing', async () => {
    await whileWriting(async () => {
      await lab.kill('redis')
      await lab.kill('search-indexer')
      expect(await stateOf('redis')).toBe('failed')
      await lab.start(['redis', 'search-indexer'])
    })
    await expectConsistent()
  }, 240_000)

  test('freezes a sink while others go on, and lets it go on', async () => {
    await whileWriting(async () => {
      await lab.pause('warehouse-loader')
      expect(await stateOf('warehouse-loader')).toBe('paused')
      await sleep(3_000)
      await lab.resume('warehouse-loader')
      await lab.restart('postgres')
    })
    await expectConsistent()
    expect(await stateOf('postgres')).toBe('ready')
  }, 240_000)

  test('knows who may have several instances, and where the published ones are', async () => {
    await expect(lab.scale('postgres', 2)).rejects.toThrow(/keeps data/)
    await lab.scale('search-indexer', 2)
    await lab.scale('search-indexer', 1)
    expect(lab.address('orders-dual-write-2').url).toBe(ordersUrls['dual-write'][1])
    expect(() => lab.address('redis')).toThrow(/not published/)
    await expectConsistent()
  }, 240_000)
})

describe('what cannot work ends with its reason', () => {
  const refusal = async (...args: readonly string[]): Promise<string> => {
    try {
      return `it was accepted: ${await compose('run', '--rm', '-T', '--no-deps', ...args)}`
    } catch (error) {
      return String(error)
    }
  }

  test('a missing secret', async () => {
    expect(await refusal('-e', 'SECRETS_DIR=/nowhere', 'cache-updater')).toMatch(
      /ended with 78[^]*SECRETS_DIR: .*\/nowhere/,
    )
  }, 60_000)

  test('too little memory', async () => {
    expect(await refusal('-e', 'MEMORY_MIN_MIB=99999999', 'configure')).toMatch(/all of Driftlab needs 99999999 MiB/)
  }, 60_000)

  test('an image that cannot be pulled', async () => {
    const image = 'driftlab/nowhere:1'
    const pulling = openProject({ REDIS_IMAGE: image, COMPOSE_PROGRESS: 'plain' }).compose('pull', 'redis')
    await expect(pulling).rejects.toThrow(/driftlab\/nowhere:1/)
  }, 120_000)
})

test('down --volumes leaves nothing', async () => {
  await compose('--profile', '*', 'down', '--volumes', '--remove-orphans')
  const filter = ['--filter', `label=com.docker.compose.project=${project.name}`, '--quiet']
  expect(await docker('ps', '--all', ...filter)).toBe('')
  expect(await docker('volume', 'ls', ...filter)).toBe('')
  expect(await docker('network', 'ls', ...filter)).toBe('')
}, 120_000)
