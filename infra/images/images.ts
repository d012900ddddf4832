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
  const standIns: string[] = []
  const ensure = async (service: string, image: string): Promise<void> => {
    const isPresent = (await engine.imageId(image)) !== undefined
    if (isPresent && (await engine.labelOf(image, standInLabel)) === undefined) return
    if (source === 'registry' || (source === 'registry-or-stand-in' && !isPresent)) {
      const fault = await pull(image, context)
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

/** @returns why the image could not be pulled; undefined when it was. An address that is silent docker leaves itself. */
async function pull(image: string, { engine, signal, report }: StandInContext): Promise<string | undefined> {
  report(`pulling ${image}`)
  const deadline = AbortSignal.timeout(pullDeadlineMs)
  try {
    await engine.docker(['pull', '--quiet', image], { signal: AbortSignal.any([signal, deadline]) })
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    if (deadline.aborted) return `it was not done in ${pullDeadlineMs / 60_000} minutes`
    if (!(error instanceof CommandError)) throw error
    return error.message
  }
}
