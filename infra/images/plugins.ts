/**
 * docker's plug-ins, compose and buildx, built from their Go modules, because that works wherever Go modules can be had.
 *
 * Invariant: the folder is named after the versions in it, and a plug-in lies in it whole or not at all.
 */
import { existsSync } from 'node:fs'
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { CommandError, runCommand } from '../native/src/commands.ts'
import { LabError } from '../native/src/errors.ts'
import { readIfPresent } from '../native/src/files.ts'
import { requireOnPath } from '../native/src/tools.ts'
import type { EngineOptions } from './engine.ts'

const plugins = [
  {
    name: 'docker-compose',
    module: 'github.com/docker/compose/v5',
    version: 'v5.5.1',
    main: './cmd',
    versionVariable: 'github.com/docker/compose/v5/internal.Version',
  },
  {
    name: 'docker-buildx',
    module: 'github.com/docker/buildx',
    version: 'v0.38.2',
    main: './cmd/buildx',
    versionVariable: 'github.com/docker/buildx/version.Version',
  },
] as const
type Plugin = (typeof plugins)[number]

/** What compose must be at least, when it is the machine's own. */
const composeMinimum = [2, 30] as const

/** Whether `docker compose version --short` says a version that will do. */
export function isComposeNewEnough(version: string): boolean {
  const match = /^v?(\d+)\.(\d+)/.exec(version.trim())
  if (match === null) return false
  const [major, minor] = [Number(match[1]), Number(match[2])]
  return major > composeMinimum[0] || (major === composeMinimum[0] && minor >= composeMinimum[1])
}

/** @returns the folder to name in DOCKER_CONFIG; the user's own settings for registries hold in it too. */
export async function ensurePlugins(options: EngineOptions): Promise<string> {
  const versions = plugins.map(({ name, version }) => `${name.replace('docker-', '')}-${version}`)
  const folder = join(options.layout.cacheDir, `docker-${versions.join('-')}`)
  await mkdir(join(folder, 'cli-plugins'), { recursive: true })
  for (const plugin of plugins) await ensurePlugin(plugin, join(folder, 'cli-plugins', plugin.name), options)
  const own = join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json')
  await writeFile(join(folder, 'config.json'), withoutContext(await readIfPresent(own)), { mode: 0o600 })
  return folder
}

/** A context would be looked for beside these settings, where it is not. */
export function withoutContext(settings: string | undefined): string {
  const parsed = z.record(z.string(), z.unknown()).parse(JSON.parse(settings ?? '{}'))
  return JSON.stringify(Object.fromEntries(Object.entries(parsed).filter(([name]) => name !== 'currentContext')))
}

async function ensurePlugin(plugin: Plugin, target: string, { layout, signal, report }: EngineOptions): Promise<void> {
  if (existsSync(target)) return
  const { name, module, version, main, versionVariable } = plugin
  const go = requireOnPath('go', `building ${name}`, 'golang, or the newest from go.dev')
  report(`building ${name} ${version}, once (some minutes)`)
  const environment = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod' }
  const lines: string[] = []
  // Built from a copy: the module has replace directives, which `go install` refuses, and Go's own copy is read-only.
  const copy = join(layout.cacheDir, `${name}.partial-${process.pid}`)
  const partial = `${target}.partial-${process.pid}`
  try {
    await runCommand(go, ['mod', 'download', '-json', `${module}@${version}`], {
      signal,
      environment,
      onLine: (line) => lines.push(line),
    })
    const source = /"Dir": "([^"]+)"/.exec(lines.join('\n'))?.[1]
    if (source === undefined) throw new CommandError(`${go} does not say where it put the module.`)
    await cp(source, copy, { recursive: true })
    await runCommand('chmod', ['-R', 'u+w', copy], { signal })
    const flags = ['-trimpath', '-buildvcs=false', '-ldflags', `-s -w -X ${versionVariable}=${version}`]
    await runCommand(go, ['build', ...flags, '-o', partial, main], { signal, environment, cwd: copy })
    await rename(partial, target)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    throw new LabError('prerequisite-missing', `${name} could not be built from ${module}.\n${error.message}`, {
      cause: error,
    })
  } finally {
    for (const left of [copy, partial]) await rm(left, { recursive: true, force: true })
  }
}
