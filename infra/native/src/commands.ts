/** Runs a helper program to its end, and makes its failure readable. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { messageOf } from './errors.ts'
import type { UnprivilegedUser } from './layout.ts'

export interface CommandOptions {
  readonly signal: AbortSignal
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly user?: UnprivilegedUser | undefined
  readonly cwd?: string
  readonly input?: string
  /** Each line of output as it comes, for progress. */
  readonly onLine?: (line: string) => void
}

export class CommandError extends Error {
  override readonly name = 'CommandError'
}

const linesKept = 20

/** @throws {CommandError} with the last lines of its output when it cannot start, fails, or is interrupted. */
export async function runCommand(program: string, args: readonly string[], options: CommandOptions): Promise<void> {
  options.signal.throwIfAborted()
  const child = spawn(program, args, {
    cwd: options.cwd ?? '/',
    env: options.environment ?? process.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own, so that an interrupt stops all of it: build tools start children.
    detached: true,
    ...(options.user === undefined ? {} : { uid: options.user.uid, gid: options.user.gid }),
  })
  const stopGroup = (): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    process.kill(-child.pid, 'SIGKILL')
  }
  options.signal.addEventListener('abort', stopGroup, { once: true })

  const tail: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      tail.push(line)
      if (tail.length > linesKept) tail.shift()
      if (line.trim() !== '') options.onLine?.(line.trim())
    })
  }
  // A program that ends without reading its input closes the pipe; its exit status tells the story.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')

  try {
    const ending = await new Promise<string | number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signalName) => {
        resolve(code ?? signalName ?? 'unknown')
      })
    })
    options.signal.throwIfAborted()
    if (ending !== 0) throw new CommandError(`${program} ended with ${ending}:\n${tail.join('\n')}`)
  } catch (error) {
    if (error instanceof CommandError || options.signal.aborted) throw error
    throw new CommandError(`${program} could not be run: ${messageOf(error)}`, { cause: error })
  } finally {
    options.signal.removeEventListener('abort', stopGroup)
  }
}
