/** Lets one command at a time change the laboratory: two starts at once would fight over ports and records. */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { LabError, systemErrorCode } from './errors.ts'
import { identify, isAlive } from './processes.ts'

const holderSchema = z.object({ pid: z.number(), startTicks: z.number(), bootId: z.string(), purpose: z.string() })

/**
 * Runs `task` while holding the lock. A lock whose holder is dead is taken over.
 *
 * @throws {LabError} `busy`, naming the command that holds it.
 */
export async function withLock<Result>(file: string, purpose: string, task: () => Promise<Result>): Promise<Result> {
  acquire(file, purpose)
  try {
    return await task()
  } finally {
    rmSync(file, { force: true })
  }
}

function acquire(file: string, purpose: string): void {
  mkdirSync(dirname(file), { recursive: true })
  const mine = `${file}.${process.pid}`
  writeFileSync(mine, JSON.stringify({ ...identify(process.pid), purpose }))
  try {
    // A hard link is made whole or not at all, and fails when the name is taken.
    linkSync(mine, file)
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error
    const holder = holderSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')))
    if (holder.success && isAlive(holder.data)) {
      throw new LabError(
        'busy',
        `Another command (${holder.data.purpose}, process ${holder.data.pid}) is working on this laboratory. ` +
          'Wait until it has ended, or stop it.',
      )
    }
    rmSync(file, { force: true })
    acquire(file, purpose)
  } finally {
    rmSync(mine, { force: true })
  }
}
