#!/usr/bin/env node
/**
 * Every image of docker-compose.yml, made ready where some cannot be pulled:
 *
 *   node infra/images/main.ts            in the engine that `docker` talks to, or, without one, in one of our own
 *     --keep                             leaves an engine of our own running, and prints how to talk to it
 *     --images=registry                  nothing is stood in: an image that cannot be pulled is an error
 *     --images=stand-in                  nothing is pulled
 *   node infra/images/main.ts --stop     stops an engine of our own that was kept
 */
import { parseArgs } from 'node:util'
import { LabError, resolveLayout } from '../native/src/index.ts'
import { systemErrorCode } from '../native/src/errors.ts'
import { openEngine, stopPrivateEngine } from './engine.ts'
import { ensureImages, imageSources, type ImageSource } from './images.ts'

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
  const { values } = parseArgs({
    options: {
      keep: { type: 'boolean', default: false },
      stop: { type: 'boolean', default: false },
      images: { type: 'string', default: imageSources[0] },
    },
  })
  if (values.stop) report((await stopPrivateEngine()) ? 'stopped' : 'none was running')
  else await makeReady(imageSource(values.images), values.keep)
} catch (error) {
  if (!(error instanceof Error)) throw error
  const isReadable = error instanceof LabError || systemErrorCode(error)?.startsWith('ERR_PARSE_ARGS') === true
  process.stderr.write(`${isReadable ? error.message : (error.stack ?? error.message)}\n`)
  process.exitCode = 1
}
// What was started and is kept must not keep this process.
process.exit()

function imageSource(text: string): ImageSource {
  const source = imageSources.find((known) => known === text)
  if (source === undefined) throw new LabError('bad-settings', `--images is one of ${imageSources.join(', ')}`)
  return source
}

async function makeReady(source: ImageSource, keep: boolean): Promise<void> {
  const layout = resolveLayout(process.env)
  const engine = await openEngine({ layout, signal, report })
  let isKept = false
  try {
    const standIns = await ensureImages({ engine, layout, signal, report }, source)
    report(standIns.length === 0 ? 'every image is the real one' : `stand-ins: ${standIns.join(', ')}`)
    isKept = keep
    if (isKept && engine.isPrivate) {
      const { DOCKER_HOST = '', DOCKER_CONFIG = '' } = engine.environment
      report(`export DOCKER_HOST=${DOCKER_HOST} DOCKER_CONFIG=${DOCKER_CONFIG}`)
    }
  } finally {
    if (!isKept) await engine.close()
  }
}
