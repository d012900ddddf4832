/** The engine's refusals cannot be had at will, so a program of the name `docker` gives them, in the engine's words. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { dockerOf, type Docker } from './docker.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'driftlab-docker-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** Refuses as often as asked, and writes down what it was asked for. */
async function engineThatRefuses(times: number, reason: string): Promise<Docker> {
  const program = `#!/bin/sh
echo "$*" >> ${folder}/calls
test "$(wc -l < ${folder}/calls)" -gt ${times} && exit 0
echo 'Error response from daemon: Cannot pause container: ${reason}' >&2
exit 1
`
  await writeFile(join(folder, 'docker'), program, { mode: 0o755 })
  const path = `${folder}:${process.env['PATH'] ?? ''}`
  return dockerOf({ root: folder, project: 'test', environment: { PATH: path } })
}

const calls = async (): Promise<readonly string[]> =>
  (await readFile(join(folder, 'calls'), 'utf8')).trimEnd().split('\n')

test('a pause that could not freeze every process is tried again', async () => {
  const { pause } = await engineThatRefuses(2, 'OCI runtime pause failed: unable to freeze: unknown')
  await pause('a-container')
  expect(await calls()).toEqual(['pause a-container', 'pause a-container', 'pause a-container'])
})

test('a pause that never succeeds ends with the reason of the engine', async () => {
  const { pause } = await engineThatRefuses(100, 'OCI runtime pause failed: unable to freeze: unknown')
  await expect(pause('a-container')).rejects.toThrow('unable to freeze')
  expect(await calls()).toHaveLength(4)
})

test('a pause that is refused for any other reason is not tried again', async () => {
  const { pause } = await engineThatRefuses(100, 'No such container: a-container')
  await expect(pause('a-container')).rejects.toThrow('No such container')
  expect(await calls()).toHaveLength(1)
})
