/**
 * docker-compose.yml, run: from nothing to healthy, hurt while it is written to, audited, and gone without a trace.
 *
 * The tests build on each other, as a day with the stack does; the stack is brought up once.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { LaneReport } from '@driftlab/auditor'
import { eventually } from '@driftlab/stores/testing'
import type { ComponentName, ComponentState } from '../../infra/native/src/index.ts'
import type { Snapshot } from '../../services/dashboard/src/snapshot.ts'
import { testDrift } from '../e2e/drift.ts'
import { testFaults } from '../e2e/faults.ts'
import { consistent, findings, sinks } from '../e2e/pipeline.ts'
import { survive } from '../e2e/survive.ts'
import { auditorPort, dashboardUrl, openProject, ordersUrls } from './compose-project.ts'

const project = openProject()
const { compose, containers, docker, exec, lab, pipeline } = project

const jobs = [
  'configure',
  'migrate',
  'kafka-topics',
  'elasticsearch-set-up',
  'clickhouse-set-up',
  'connector',
  'welcome',
]
const stores = ['postgres', 'kafka', 'connect', 'redis', 'elasticsearch', 'clickhouse']

/** Those that are neither healthy nor, being jobs, done. */
async function ailing(): Promise<readonly string[]> {
  return (await containers())
    .filter(({ Service, State, Health, ExitCode }) =>
      jobs.includes(Service) ? State !== 'exited' || ExitCode !== 0 : Health !== 'healthy',
    )
    .map(({ Service, State, Health, ExitCode }) => `${Service} is ${State} ${Health} (${ExitCode})`)
}

async function up(): Promise<void> {
  await compose('up', '--detach')
  await eventually(async () => (await ailing()).length === 0, { deadlineMs: 240_000, what: 'every container is well' })
}

async function stateOf(name: ComponentName): Promise<ComponentState | undefined> {
  return (await lab.status()).find((component) => component.name === name)?.state
}

function divergedKeys({ stores: reports }: LaneReport): number {
  return Object.values(reports).reduce((sum, report) => sum + report.divergedKeys, 0)
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
    for (const url of [dashboardUrl, ...ordersUrls.cdc, ...ordersUrls['dual-write']]) expect(text).toContain(url)
  })

  test('shows itself on a page that knows every instance', async () => {
    expect(await (await fetch(`${dashboardUrl}/`)).text()).toContain('<div id="page">')
    await eventually(
      async () => {
        const { targets } = (await (await fetch(`${dashboardUrl}/api/snapshot`)).json()) as Snapshot
        const down = Object.values(targets).filter(({ state }) => state === 'down')
        return down.length === 0 && targets['orders-cdc'].instances === 2
      },
      { deadlineMs: 60_000, what: 'every service to answer' },
    )
  })

  test('carries every change to every store', async () => {
    const { ok, failed } = await survive(pipeline, () => sleep(3_000))
    expect({ failed, written: ok > 100 }).toEqual({ failed: 0, written: true })
  }, 180_000)
})

describe('hardening', () => {
  test('no process is root, and none can write where it does not keep data', async () => {
    for (const service of [...stores, ...sinks, 'orders-cdc', 'orders-dual-write', 'auditor', 'queries', 'dashboard']) {
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

// Before anything else has drifted in the dual-write lane.
testDrift(pipeline)

// Of the sinks, whose code is the same as natively, one will do where these tests are among all others.
const struckSinks = process.env['STRUCK_SINKS'] === 'one' ? sinks.slice(-1) : sinks
testFaults(pipeline, { struckSinks, killsPerSink: 1, outageMs: 10_000 })

test('the dual-write lane drifts by nothing but the load', async () => {
  // Thresholds are about speed, which is not asked for here.
  const load = openProject({ LANE: 'dual-write', DURATION: '10s' })
  const before = await pipeline.audit('dual-write')
  await load.compose('run', '--rm', '-T', '--no-deps', '-e', 'K6_NO_THRESHOLDS=true', 'k6')
  const after = await pipeline.audit('dual-write')
  expect(after.sourceRows).toBeGreaterThan(before.sourceRows + 100)
  // One test has made it drift by a fault already.
  expect(divergedKeys(after)).toBeGreaterThan(divergedKeys(before))
}, 180_000)

test('a sink that was killed comes back by itself, and no key diverges', async () => {
  const killed = `for p in /proc/[0-9]*; do if tr '\\0' ' ' < $p/cmdline | grep -q '^node '; then kill -9 \${p#/proc/}; fi; done`
  await survive(pipeline, async () => {
    await exec('cache-updater', 'bash', '-c', killed)
    await eventually(async () => (await ailing()).length > 0, { deadlineMs: 20_000, what: 'it was seen to be gone' })
    await eventually(async () => (await ailing()).length === 0, { deadlineMs: 60_000, what: 'it came back' })
  })
}, 240_000)

test('what went down comes up again with what it held', async () => {
  const before = await pipeline.audit('cdc')
  await compose('down')
  await up()
  const after = await pipeline.audit('cdc')
  expect(findings(after)).toEqual(consistent)
  expect(after.sourceRows).toBe(before.sourceRows)
}, 400_000)

test('the laboratory knows in what state a container is, and where the published ones are', async () => {
  await lab.pause('cache-updater')
  expect(await stateOf('cache-updater')).toBe('paused')
  await lab.resume('cache-updater')
  await lab.kill('cache-updater')
  expect(await stateOf('cache-updater')).toBe('failed')
  await lab.stop(['search-indexer'])
  expect(await stateOf('search-indexer')).toBe('stopped')
  await lab.start(['cache-updater', 'search-indexer'])
  expect(await stateOf('cache-updater')).toBe('ready')
  await expect(lab.scale('postgres', 2)).rejects.toThrow(/keeps data/)
  expect(lab.address('orders-dual-write-2').url).toBe(ordersUrls['dual-write'][1])
  expect(() => lab.address('redis')).toThrow(/not published/)
}, 120_000)

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

  test('a published port that another program has', async () => {
    await compose('stop', 'auditor')
    const other = createServer().listen(auditorPort, '127.0.0.1')
    await once(other, 'listening')
    try {
      await expect(compose('up', '--detach', '--no-deps', 'auditor')).rejects.toThrow(`127.0.0.1:${auditorPort}`)
      const left = (await containers()).find(({ Service }) => Service === 'auditor')
      // Nothing tries it again.
      expect(left?.State).not.toMatch(/running|restarting/)
    } finally {
      await promisify(other.close.bind(other))()
    }
  }, 60_000)
})

test('down --volumes leaves nothing', async () => {
  await compose('--profile', '*', 'down', '--volumes', '--remove-orphans')
  const filter = ['--filter', `label=com.docker.compose.project=${project.name}`, '--quiet']
  expect(await docker('ps', '--all', ...filter)).toBe('')
  expect(await docker('volume', 'ls', ...filter)).toBe('')
  expect(await docker('network', 'ls', ...filter)).toBe('')
}, 120_000)
