/** The connector's life as the job sees it: it never says that a connector runs which does not, and mends what it can. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from '@jest/globals'
import { connectPostgres } from '@driftlab/stores'
import { eventually, testSettings } from '@driftlab/stores/testing'
import { openLab } from '../native/src/index.ts'
import { connectorName } from './settings.ts'
import { progressOf, statusSchema } from './status.ts'

const { connectUrl, postgresUrl, variables } = testSettings()
const postgres = connectPostgres(postgresUrl)
const replicator = variables['POSTGRES_REPLICATION_USER'] ?? ''

afterAll(() => postgres.end())

const state = async (): Promise<string> => {
  const response = await fetch(`${connectUrl}/connectors/${connectorName}/status`)
  return progressOf(statusSchema.parse(await response.json())).state
}

const shown = async () => (await (await openLab()).lab.status()).find(({ name }) => name === 'connector')

const register = (): Promise<{ readonly stdout: string; readonly stderr: string }> =>
  promisify(execFile)(process.execPath, [join(import.meta.dirname, 'register.ts')], { env: variables })

test('a task that failed is reported while its cause lasts, by the job and by the status of all, and restarted once it is gone', async () => {
  // A login that is refused is no outage: Debezium does not try it again.
  await postgres.query(`alter role ${replicator} nologin`)
  try {
    await postgres.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [replicator])
    await eventually(async () => (await state()) === 'failed', { deadlineMs: 30_000, what: 'a failed task' })
    await expect(register()).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is not permitted to log in') as unknown,
    })
    expect(await shown()).toMatchObject({
      state: 'failed',
      why: expect.stringContaining('is not permitted to log in') as unknown,
    })
  } finally {
    await postgres.query(`alter role ${replicator} login`)
  }
  expect((await register()).stdout).toMatch(/was there already[^]*had failed; restarted[^]*runs/u)
  expect(await state()).toBe('running')
  expect(await shown()).toMatchObject({ state: 'done', why: '' })
}, 90_000)

test('a connector that runs is left alone', async () => {
  expect((await register()).stdout).toBe('connector: was there already\nconnector: runs\n')
}, 30_000)
