/** Debian packages that this machine lacks, installed as the native runtime installs Redis. */
import { LabError } from '../native/src/errors.ts'
import { CommandError, runCommand } from '../native/src/commands.ts'
import { findOnPath } from '../native/src/tools.ts'

/** @throws {LabError} `prerequisite-missing`, beginning with `purpose`, when they cannot be had. */
export async function installPackages(
  names: readonly string[],
  purpose: string,
  { signal, report }: { readonly signal: AbortSignal; readonly report: (line: string) => void },
): Promise<void> {
  const byHand = `apt-get update && apt-get install -y --no-install-recommends ${names.join(' ')}`
  if (findOnPath('apt-get') === undefined || process.getuid?.() !== 0) {
    throw new LabError(
      'prerequisite-missing',
      `${purpose}: ${names.join(', ')} must be installed first. On Debian and Ubuntu, as root:\n  ${byHand}`,
    )
  }
  report(`installing ${names.join(', ')}`)
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    await runCommand('apt-get', ['update', '-q'], { signal, environment })
    await runCommand('apt-get', ['install', '-y', '--no-install-recommends', ...names], { signal, environment })
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    throw new LabError('prerequisite-missing', `${purpose}: try by hand:\n  ${byHand}\n${error.message}`, {
      cause: error,
    })
  }
}
