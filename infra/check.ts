/** `make check`: types, lint, format and unit tests, side by side; what each one prints comes when it has ended. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')

const outcomes = await Promise.all(
  ['types', 'lint', 'format:check', 'test:unit'].map(async (script) => {
    const beganAt = performance.now()
    const ended = await run('npm', ['run', '--silent', script], { cwd: root, maxBuffer: 64 * 1024 * 1024 }).then(
      ({ stdout, stderr }) => ({ ok: true, output: `${stdout}${stderr}` }),
      (error: unknown) => ({ ok: false, output: outputOf(error) }),
    )
    process.stdout.write(
      `${ended.ok ? 'passed' : 'FAILED'}  ${script} (${((performance.now() - beganAt) / 1_000).toFixed(1)} s)\n`,
    )
    if (!ended.ok) process.stdout.write(`${ended.output}\n`)
    return ended.ok
  }),
)
process.exitCode = outcomes.every(Boolean) ? 0 : 1

function outputOf(error: unknown): string {
  const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string }
  return [stdout, stderr].some(Boolean) ? `${stdout ?? ''}${stderr ?? ''}` : message
}
