#!/usr/bin/env node
/**
 * Every image of docker-compose.yml, made ready where some cannot be pulled:
 *
 *   node infra/images/main.ts            in the engine that `docker` talks to, or, without one, in one of our own
 *   node infra/images/main.ts --keep     the same, and leaves the engine of our own running; prints how to talk to it
 */
import { installMissing, LabError, resolveLayout } from '../native/src/index.ts'
import { openEngine } from './engine.ts'
import { ensureImages } from './images.ts'

const interruption = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    interruption.abort(new LabError('interrupted', 'Interrupted.'))
  })
}
const { signal } = interruption
const report = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

try {
  const layout = resolveLayout(process.env)
  await installMissing(layout, signal)
  const engine = await openEngine({ layout, signal, report })
  let keep = false
  try {
    const standIns = await ensureImages({ engine, layout, signal, report })
    report(standIns.length === 0 ? 'every image is the real one' : `stand-ins: ${standIns.join(', ')}`)
    keep = process.argv.includes('--keep')
    if (keep && engine.isPrivate) {
      const { DOCKER_HOST = '', DOCKER_CONFIG = '' } = engine.environment
      report(`export DOCKER_HOST=${DOCKER_HOST} DOCKER_CONFIG=${DOCKER_CONFIG}`)
    }
  } finally {
    if (!keep) await engine.close()
  }
} catch (error) {
  if (!(error instanceof Error)) throw error
  process.stderr.write(`${error instanceof LabError ? error.message : (error.stack ?? error.message)}\n`)
  process.exitCode = 1
}
// What was started and is kept must not keep this process.
process.exit()
