/** Brings every image that docker-compose.yml names into an engine: pulled, or built from our Dockerfile, or stood in. */
import { CommandError } from '../native/src/commands.ts'
import { composeImages } from './compose-images.ts'
import type { Engine } from './engine.ts'
import { buildStandIn, type StandInContext } from './stand-ins.ts'

/** What stands in for what; empty where every image is the real one. */
export type StandIns = readonly string[]

const pullDeadlineMs = 600_000
/** Prometheus and Grafana: a stack without them is whole. */
const optional = ['prometheus', 'grafana']

/**
 * The base of our image first, then ours, because a stand-in is made from it, then the others.
 *
 * @throws {CommandError} with what docker says, or {LabError} when an image can neither be pulled nor stood in.
 */
export async function ensureImages(context: StandInContext): Promise<StandIns> {
  const { engine, signal, report } = context
  const images = await composeImages(engine.environment)
  const standIns: string[] = []
  const ensure = async (service: string, image: string): Promise<void> => {
    if (await pulled(engine, image, context)) return
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

/** Whether the real image is there, after a try to pull it. */
async function pulled(engine: Engine, image: string, { signal, report }: StandInContext): Promise<boolean> {
  const present = await engine.imageId(image)
  if (present !== undefined) return (await engine.labelOf(image, 'org.driftlab.stand-in')) === undefined
  report(`pulling ${image}`)
  try {
    await engine.docker(['pull', '--quiet', image], {
      signal: AbortSignal.any([signal, AbortSignal.timeout(pullDeadlineMs)]),
    })
    return true
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return false
  }
}
