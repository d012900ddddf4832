/** Brings every image that docker-compose.yml names into an engine: pulled, or built from our Dockerfile, or stood in. */
import { CommandError } from '../native/src/commands.ts'
import { LabError } from '../native/src/errors.ts'
import { installMissing } from '../native/src/up.ts'
import { composeImages } from './compose-images.ts'
import { buildStandIn, standInLabel, type StandInContext } from './stand-ins.ts'

/** What stands in for what; empty where every image is the real one. */
export type StandIns = readonly string[]

/** Where an image that is not there yet may come from. */
export const imageSources = ['registry-or-stand-in', 'registry', 'stand-in'] as const
export type ImageSource = (typeof imageSources)[number]

const pullDeadlineMs = 600_000
/** A registry that can be reached is heard of at once; how long an image takes after that is the line's affair. */
const firstWordDeadlineMs = 30_000
/** Prometheus and Grafana: a stack without them is whole. */
const optional = ['prometheus', 'grafana']

/**
 * The base of our image first, then ours, because a stand-in is made from it, then the others.
 *
 * @throws {CommandError} with what docker says, or {LabError} when an image can neither be pulled nor stood in.
 */
export async function ensureImages(
  context: StandInContext,
  source: ImageSource = 'registry-or-stand-in',
): Promise<StandIns> {
  const { engine, layout, signal, report } = context
  const images = await composeImages(engine.environment)
  const pull = createPuller(context)
  const standIns: string[] = []
  const ensure = async (service: string, image: string): Promise<void> => {
    const present = (await engine.imageId(image)) !== undefined
    if (present && (await engine.labelOf(image, standInLabel)) === undefined) return
    if (!present && source !== 'stand-in') {
      const fault = await pull(image)
      if (fault === undefined) return
      if (source === 'registry') throw new LabError('prerequisite-missing', `${image} cannot be pulled.\n${fault}`)
      report(`${image} cannot be pulled: ${fault.trimEnd().split('\n').at(-1) ?? ''}`)
    }
    // Only now, because where everything can be pulled none of it is needed.
    if (standIns.length === 0) await installMissing(layout, signal)
    await buildStandIn(service, image, context)
    standIns.push(image)
  }

  const base = images.get('node') ?? ''
  await ensure('node', base)
  report('building our image')
  await engine.docker(['compose', 'build', '--quiet', 'configure'], { signal })
  for (const [service, image] of images) {
    if (service !== 'node' && !optional.includes(service)) await ensure(service, image)
  }
  return standIns
}

/** @returns what pulls an image, or says why it could not; a registry that never answers is waited for once. */
function createPuller({ engine, signal, report }: StandInContext): (image: string) => Promise<string | undefined> {
  const silent = new Set<string>()
  return async (image) => {
    const registry = registryOf(image)
    if (silent.has(registry)) return `${registry} does not answer`
    report(`pulling ${image}`)
    const whole = AbortSignal.timeout(pullDeadlineMs)
    const silence = new AbortController()
    const firstWord = setTimeout(() => {
      silence.abort()
    }, firstWordDeadlineMs)
    try {
      await engine.docker(['pull', image], {
        signal: AbortSignal.any([signal, whole, silence.signal]),
        onLine: () => {
          clearTimeout(firstWord)
        },
      })
      return undefined
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof CommandError) return error.message
      if (whole.aborted) return `not done in ${pullDeadlineMs / 60_000} minutes`
      if (!silence.signal.aborted) throw error
      silent.add(registry)
      return `${registry} does not answer`
    } finally {
      clearTimeout(firstWord)
    }
  }
}

/** The part of an image's name before the first slash, if it looks like a host; else Docker Hub. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/')
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io'
}
