/**
 * Builds stand-ins for images that cannot be pulled: the same names, users, paths and variables, from what the native
 * runtime installs anyway. Each carries the label `org.driftlab.stand-in`; none may ever be published.
 *
 * Invariant: a real image that is there already is left alone, and a stand-in is built again only when its parts changed:
 * the label's value is a hash of them.
 */
import { createHash } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runCommand } from '../native/src/commands.ts'
import { LabError } from '../native/src/errors.ts'
import type { Layout } from '../native/src/layout.ts'
import { findOnPath, installedPaths, postgresHome } from '../native/src/tools.ts'
import versions from '../native/versions.json' with { type: 'json' }
import type { Engine } from './engine.ts'
import { installPackages } from './packages.ts'

/** The front of ClickHouse's stand-in is code of ours, so it comes out of our own image, which must be built before. */
export const servicesImage = 'driftlab/services:0.1.0'

export const standInLabel = 'org.driftlab.stand-in'
const baseImage = 'driftlab-stand-in/base'

interface Recipe {
  /** The folder beside this file with the Dockerfile. */
  readonly folder: string
  /** Folders and files of this machine that the Dockerfile copies, by their name in its context. */
  readonly parts: Readonly<Record<string, string>>
  /** What tells one version of the parts from another. */
  readonly version: string
}

export interface StandInContext {
  readonly engine: Engine
  readonly layout: Layout
  readonly signal: AbortSignal
  readonly report: (line: string) => void
}

/** The folder of each service's stand-in, by the service's name in docker-compose.yml. */
function recipes(layout: Layout, servicesImageId: string): Readonly<Record<string, Recipe>> {
  const { kafkaLibDir, connectPluginDir, elasticsearchHome, k6 } = installedPaths(layout)
  const inModules = (...parts: readonly string[]): string => join(layout.root, 'node_modules', ...parts)
  const npm = findOnPath('npm')
  if (npm === undefined) throw new LabError('prerequisite-missing', 'npm is not on the PATH.')
  const libs = { libs: kafkaLibDir }
  return {
    node: {
      folder: 'node',
      parts: { node: realpathSync(process.execPath), npm: dirname(dirname(realpathSync(npm))) },
      version: process.version,
    },
    postgres: { folder: 'postgres', parts: { postgresql: postgresHome(layout) }, version: postgresHome(layout) },
    kafka: { folder: 'kafka', parts: libs, version: versions.kafka },
    connect: {
      folder: 'connect',
      parts: { ...libs, plugins: connectPluginDir },
      version: `${versions.kafka} ${versions.debezium}`,
    },
    redis: { folder: 'redis', parts: {}, version: '' },
    elasticsearch: {
      folder: 'elasticsearch',
      parts: { distribution: elasticsearchHome },
      version: versions.elasticsearch,
    },
    clickhouse: {
      folder: 'clickhouse',
      parts: { chdb: inModules('chdb'), 'chdb-library': inModules('@chdb') },
      version: servicesImageId,
    },
    k6: { folder: 'k6', parts: { k6 }, version: versions.k6 },
  }
}

const javaFolders = ['kafka', 'connect', 'elasticsearch']

/** Builds the stand-in of a service of docker-compose.yml under the name `image`, unless it is there. */
export async function buildStandIn(service: string, image: string, context: StandInContext): Promise<void> {
  const servicesImageId = (await context.engine.imageId(servicesImage)) ?? ''
  const recipe = recipes(context.layout, servicesImageId)[service]
  if (recipe === undefined) {
    throw new LabError('prerequisite-missing', `${image} cannot be pulled, and there is no stand-in for ${service}.`)
  }
  const base = await ensureBase(context)
  const java = javaFolders.includes(recipe.folder) ? await ensureJava(base, context) : base
  await build(recipe, image, java, context)
}

async function ensureJava(base: string, context: StandInContext): Promise<string> {
  return build({ folder: 'java', parts: {}, version: '' }, 'driftlab-stand-in/java', base, context)
}

/** Debian with the few programs that the images share, made by debootstrap once and kept in the cache. */
async function ensureBase({ engine, layout, signal, report }: StandInContext): Promise<string> {
  const script = join(import.meta.dirname, 'base/make.sh')
  const hash = shortHash(await readFile(script, 'utf8'))
  if ((await engine.labelOf(baseImage, standInLabel)) === hash) return hash
  const archive = join(layout.cacheDir, `debian-${hash}.tar`)
  if (!existsSync(archive)) {
    if (findOnPath('debootstrap') === undefined) {
      await installPackages(['debootstrap', 'debian-archive-keyring'], 'Stand-ins for images', { signal, report })
    }
    report('making a minimal Debian with debootstrap, once')
    const tree = join(layout.cacheDir, 'debian.partial')
    await rm(tree, { recursive: true, force: true })
    await mkdir(layout.cacheDir, { recursive: true })
    // With mounts of its own: were it killed, a /proc would stay mounted in the tree, which is then deleted.
    await runCommand('unshare', ['--mount', 'bash', script, tree], { signal })
    await runCommand('tar', ['-C', tree, '-cf', `${archive}.partial`, '.'], { signal })
    await rename(`${archive}.partial`, archive)
    await rm(tree, { recursive: true, force: true })
  }
  report('importing the base image')
  await engine.docker(['import', '--change', `LABEL ${standInLabel}=${hash}`, archive, baseImage], { signal })
  return hash
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** @returns the hash of everything in it. */
async function build(recipe: Recipe, image: string, base: string, context: StandInContext): Promise<string> {
  const { engine, layout, signal, report } = context
  const source = join(import.meta.dirname, recipe.folder)
  const files = await Promise.all(
    (await readdir(source)).sort().map(async (file) => [file, await readFile(join(source, file), 'utf8')]),
  )
  const hash = shortHash(JSON.stringify([base, files, recipe.version, Object.keys(recipe.parts)]))
  if ((await engine.labelOf(image, standInLabel)) === hash) return hash

  report(`building a stand-in for ${image}`)
  const staging = join(layout.labDir, 'images', recipe.folder)
  await rm(staging, { recursive: true, force: true })
  await mkdir(staging, { recursive: true })
  try {
    await cp(source, staging, { recursive: true })
    for (const [name, path] of Object.entries(recipe.parts)) {
      await runCommand('cp', ['-aL', '--reflink=auto', path, join(staging, name)], { signal })
    }
    const labels = [
      `${standInLabel}=${hash}`,
      'org.opencontainers.image.description=Stand-in for local tests; never publish it',
    ]
    await engine.docker(
      ['build', '--progress=plain', '--tag', image, ...labels.flatMap((text) => ['--label', text]), staging],
      {
        signal,
      },
    )
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
  return hash
}
