/** A process that an experiment starts: its output goes to a log of its own, and it knows no variable but what it is given. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { identify, type ProcessIdentity } from '../../infra/native/src/processes.ts'

export interface LaunchOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Beside PATH, HOME and TMPDIR. */
  readonly environment: Readonly<Record<string, string>>
  /** A file; what it has stays. */
  readonly log: string
}

/** @throws when it is gone at once. */
export async function launch({ command, args, cwd, environment, log }: LaunchOptions): Promise<ProcessIdentity> {
  await mkdir(dirname(log), { recursive: true })
  const output = openSync(log, 'a')
  try {
    const { PATH, HOME, TMPDIR } = process.env
    const child = spawn(command, args, {
      cwd,
      // In the runner's own process group: whatever ends that from outside, ends this too.
      stdio: ['ignore', output, output],
      env: { ...{ PATH, HOME, TMPDIR }, ...environment },
    })
    await once(child, 'spawn')
    const identity = child.pid === undefined ? undefined : identify(child.pid)
    if (identity === undefined) throw new Error(`${command} died at once; see ${log}`)
    return identity
  } finally {
    closeSync(output)
  }
}
