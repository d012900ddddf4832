/** Which images docker-compose.yml names: the one place where they are pinned. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

const composeFile = join(import.meta.dirname, '../../docker-compose.yml')
const composeSchema = z.looseObject({
  services: z.record(
    z.string(),
    z.looseObject({
      image: z.string(),
      build: z.object({ args: z.record(z.string(), z.string()).default({}) }).optional(),
    }),
  ),
})

/** @returns a name with its tag for each service of the file that is not made from our Dockerfile, and for its base. */
export async function composeImages(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ReadonlyMap<string, string>> {
  const { services } = composeSchema.parse(parse(await readFile(composeFile, 'utf8'), { merge: true }))
  const images = new Map<string, string>()
  for (const [name, { image, build }] of Object.entries(services)) {
    if (build !== undefined) images.set('node', fillIn(build.args['NODE_IMAGE'] ?? '', environment))
    else if (!image.startsWith('driftlab/')) images.set(name, fillIn(image, environment))
  }
  return images
}

/** What compose itself does with `${NAME:-default}`. */
function fillIn(text: string, environment: Readonly<Record<string, string | undefined>>): string {
  return text.replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_match, name: string, fallback: string) => {
    const value = environment[name] ?? ''
    return value === '' ? fallback : value
  })
}
